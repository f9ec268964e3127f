// What every page does with a script; without one, all pages can be read and followed all the same.
"use strict";
