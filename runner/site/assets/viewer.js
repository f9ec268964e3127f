// A drawing that is moved and zoomed by mouse, touch, keyboard and buttons.
// sluiceViewer(frame, drawing) -> {fit, zoom, pan, show, resized}; `drawing` is an svg of its natural size in `frame`.
"use strict";
window.sluiceViewer = (frame, drawing, { largest = 2.5, smallest = 0.04 } = {}) => {
  const FAR = 0.45; // below this no small text can be read
  const READABLE = 0.7; // at this scale names can be read
  let at = { x: 0, y: 0, scale: 1 };
  let size = { width: 1, height: 1 };
  let waiting = 0;
  let settled = 0;

  function put(next) {
    at = next;
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      drawing.style.transform = `translate(${at.x}px, ${at.y}px) scale(${at.scale})`;
      drawing.classList.toggle("far", at.scale < FAR);
    });
  }

  /** Says that the drawing moves now, so that it is moved as a picture; it is drawn sharp once it stands still. */
  function moving() {
    drawing.style.willChange = "transform";
    clearTimeout(settled);
    settled = setTimeout(() => (drawing.style.willChange = "auto"), 180);
  }

  /** Shows all of the drawing, not larger than it is. With `readable` as much of it as can be read: a high one its middle. */
  function fit({ readable = false } = {}) {
    const [width, height] = [frame.clientWidth, frame.clientHeight];
    const margin = 24;
    const across = Math.min(1, (width - 2 * margin) / size.width);
    const whole = Math.max(smallest, Math.min(across, (height - 2 * margin) / size.height));
    const scale = readable ? Math.max(whole, Math.min(READABLE, Math.max(across, READABLE / 2))) : whole;
    const middle = (height - size.height * scale) / 2;
    put({ scale, x: Math.max(margin, (width - size.width * scale) / 2), y: readable ? middle : Math.max(margin, middle) });
  }

  function zoom(factor, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
    const scale = Math.min(largest, Math.max(smallest, at.scale * factor));
    const by = scale / at.scale;
    moving();
    put({ scale, x: x - (x - at.x) * by, y: y - (y - at.y) * by });
  }

  function pan(x, y) {
    moving();
    put({ ...at, x: at.x + x, y: at.y + y });
  }

  /** Moves a rectangle of the drawing into sight, as little as need be; with `readable` zooms in until it can be read. */
  function show({ x, y, width, height }, { readable = false } = {}) {
    const scale = readable ? Math.max(at.scale, 0.8) : at.scale;
    const margin = 16;
    const into = (from, length, room, now) => {
      const start = from * scale + now;
      if (start >= margin && start + length * scale <= room - margin) return now;
      return room / 2 - (from + length / 2) * scale;
    };
    const now = scale === at.scale ? at : { x: NaN, y: NaN };
    put({ scale, x: into(x, width, frame.clientWidth, now.x), y: into(y, height, frame.clientHeight, now.y) });
  }

  function resized(width, height) {
    size = { width, height };
    drawing.setAttribute("width", Math.ceil(width));
    drawing.setAttribute("height", Math.ceil(height));
    drawing.setAttribute("viewBox", `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
  }

  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    const amount = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    if (event.shiftKey) pan(-amount, 0);
    else zoom(Math.exp(-Math.max(-120, Math.min(120, amount)) / (event.ctrlKey ? 100 : 400)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  const fingers = new Map();
  let moved = 0;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = 0;
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const box = frame.getBoundingClientRect();
    if (fingers.size === 1) {
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (moved > 4) {
        if (!frame.hasPointerCapture(event.pointerId)) frame.setPointerCapture(event.pointerId);
        frame.classList.add("dragged");
        pan(now.x - before.x, now.y - before.y);
      }
    } else if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
      moved = 9;
      zoom(apart(now) / apart(before), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
      pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    }
    fingers.set(event.pointerId, now);
  });
  const lifted = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) frame.classList.remove("dragged");
  };
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) frame.addEventListener(name, lifted);
  frame.addEventListener("click", (event) => {
    if (moved > 4) {
      event.preventDefault(); // the end of a drag is no click
      event.stopPropagation();
    }
    moved = 0;
  }, true);
  frame.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 80;
    const act = {
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": () => fit(),
      ...(event.shiftKey && {
        ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0), ArrowUp: () => pan(0, step), ArrowDown: () => pan(0, -step),
      }),
    }[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  return { fit, zoom, pan, show, resized, scale: () => at.scale };
};
