"""The site: documentation, lineage, runs, quality and dashboards as pages that any file server hosts, or none.

page       what a section hands over: pages, files beside them, what a search finds
address    where each node's page is, and the way from one page to another
facts      what the pages are made of: the project and what is known of it, each read once
layout     the frame of all pages; templates become text
overview   the first page
write      everything at once, so that readers never see a half-written site

Each further room is a section. It has a function `pages(facts)` that yields its pages and files, and the templates that
they are rendered with; `write.SECTIONS` lists them. A page works without a script; what needs one is added by it.
"""
