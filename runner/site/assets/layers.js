// A layered drawing of a directed graph, left to right: ranks, order within them, places, routes of long edges.
// sluiceLayers(nodes, edges, options) -> {places: Map(id -> {x, y}), routes: [[{x, y}, …], …], width, height}
//   nodes: {id, width, height, first, last, group}; `first` and `last` ask for the outermost ranks; nodes of one `group`
//   in the first rank stay together.     edges: [from, to]; circles are allowed, the edge that closes one runs back.
"use strict";
(() => {
  const SWEEPS = 10;

  window.sluiceLayers = (nodes, edges, { across = 52, between = 14, apart = 46 } = {}) => {
    const index = new Map(nodes.map((node, at) => [node.id, at]));
    const links = edges.map(([from, to]) => [index.get(from), index.get(to)]);
    const forward = withoutCircles(nodes.length, links);
    const ranks = ranked(nodes, forward);
    const graph = withBends(nodes, forward, ranks);
    ordered(graph, nodes);
    placed(graph, nodes, { across, between, apart });
    return drawn(graph, nodes, links, forward);
  };

  /** Edges turned so that none closes a circle. */
  function withoutCircles(count, links) {
    const next = Array.from({ length: count }, () => []);
    links.forEach(([from, to], at) => next[from].push([to, at]));
    const seen = new Uint8Array(count); // 1: on the way, 2: done
    const turned = new Set();
    for (let start = 0; start < count; start += 1) {
      if (seen[start]) continue;
      seen[start] = 1;
      const way = [[start, 0]];
      while (way.length) {
        const top = way[way.length - 1];
        const [node, at] = top;
        if (at === next[node].length) {
          seen[node] = 2;
          way.pop();
          continue;
        }
        top[1] += 1;
        const [to, link] = next[node][at];
        if (seen[to] === 1) turned.add(link);
        else if (!seen[to]) {
          seen[to] = 1;
          way.push([to, 0]);
        }
      }
    }
    return links.map(([from, to], at) => (turned.has(at) ? [to, from] : [from, to]));
  }

  /** The longest way from the left; a node that reads nothing and is no root of the drawing stands right before its readers. */
  function ranked(nodes, links) {
    const count = nodes.length;
    const above = Array.from({ length: count }, () => []);
    const below = Array.from({ length: count }, () => []);
    for (const [from, to] of links) {
      below[from].push(to);
      above[to].push(from);
    }
    const waiting = above.map((of) => of.length);
    const order = [];
    const ready = waiting.flatMap((number, at) => (number ? [] : [at]));
    const ranks = new Int32Array(count);
    while (ready.length) {
      const node = ready.pop();
      order.push(node);
      for (const to of below[node]) {
        ranks[to] = Math.max(ranks[to], ranks[node] + 1);
        waiting[to] -= 1;
        if (!waiting[to]) ready.push(to);
      }
    }
    for (const node of order.reverse()) {
      if (above[node].length || nodes[node].first || !below[node].length) continue;
      ranks[node] = Math.max(ranks[node], Math.min(...below[node].map((to) => ranks[to])) - 1);
    }
    const most = ranks.reduce((a, b) => Math.max(a, b), 0);
    nodes.forEach((node, at) => {
      if (node.last && !below[at].length && above[at].length) ranks[at] = most;
    });
    return ranks;
  }

  /** The graph with a bend in every rank that an edge passes; edges from one node share their bends, as a tree does. */
  function withBends(nodes, links, ranks) {
    const rank = [...ranks];
    const above = nodes.map(() => []);
    const below = nodes.map(() => []);
    const bends = new Map();
    const ways = links.map(([from, to]) => {
      const way = [from];
      for (let at = rank[from] + 1; at < rank[to]; at += 1) {
        const key = from * 4096 + at;
        if (!bends.has(key)) {
          bends.set(key, rank.length);
          rank.push(at);
          above.push([]);
          below.push([]);
          join(way[way.length - 1], bends.get(key));
        }
        way.push(bends.get(key));
      }
      join(way[way.length - 1], to);
      return [...way, to];
    });
    function join(from, to) {
      below[from].push(to);
      above[to].push(from);
    }
    const layers = Array.from({ length: Math.max(0, ...new Set(rank)) + 1 }, () => []);
    rank.forEach((at, node) => layers[at].push(node));
    return { above, below, layers, rank, ways, real: nodes.length };
  }

  /** Orders each rank so that few edges cross: by the middle of the neighbours, to and fro; the best order seen stays. */
  function ordered(graph, nodes) {
    const { above, below, layers } = graph;
    const position = new Float64Array(graph.rank.length);
    const number = () => layers.forEach((layer) => layer.forEach((node, at) => (position[node] = at)));
    firstOrder(graph);
    number();
    const middle = (of, node) => {
      const near = of[node];
      if (!near.length) return position[node];
      let sum = 0;
      for (const one of near) sum += position[one];
      return sum / near.length;
    };
    const sort = (layer, of) => {
      const key = new Map(layer.map((node) => [node, middle(of, node)]));
      layer.sort((a, b) => key.get(a) - key.get(b) || position[a] - position[b]);
      grouped(layer, nodes, key);
      layer.forEach((node, at) => (position[node] = at));
    };
    let best = { crossings: Infinity, layers: [] };
    for (let sweep = 0; sweep <= SWEEPS; sweep += 1) {
      layers.forEach((layer) => grouped(layer, nodes, null));
      number();
      const crossings = crossed(graph, position);
      if (crossings < best.crossings) best = { crossings, layers: layers.map((layer) => [...layer]) };
      if (!crossings || sweep === SWEEPS) break;
      if (sweep % 2) for (let at = layers.length - 2; at >= 0; at -= 1) sort(layers[at], below);
      else for (let at = 1; at < layers.length; at += 1) sort(layers[at], above);
    }
    graph.layers = best.layers;
    graph.crossings = best.crossings;
  }

  /** A first order: nodes as they are met when one walks from the left, so that what belongs together stands together. */
  function firstOrder(graph) {
    const { above, below, layers } = graph;
    const met = new Map();
    const visit = (start) => {
      const way = [start];
      while (way.length) {
        const node = way.pop();
        if (met.has(node)) continue;
        met.set(node, met.size);
        way.push(...[...below[node]].reverse());
      }
    };
    layers.forEach((layer) => layer.forEach((node) => above[node].length || visit(node)));
    layers.forEach((layer) => layer.sort((a, b) => met.get(a) - met.get(b)));
  }

  /** Brings the nodes of a group together, groups in the order of their middles. */
  function grouped(layer, nodes, key) {
    const groups = new Map();
    layer.forEach((node, at) => {
      const group = node < nodes.length ? nodes[node].group : undefined;
      if (group === undefined) return;
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(key ? key.get(node) : at);
    });
    if (!groups.size) return;
    const mean = new Map([...groups].map(([group, all]) => [group, all.reduce((a, b) => a + b, 0) / all.length]));
    const order = new Map(layer.map((node, at) => [node, at]));
    const of = (node) => {
      const group = node < nodes.length ? nodes[node].group : undefined;
      return group === undefined ? (key ? key.get(node) : order.get(node)) : mean.get(group);
    };
    const name = (node) => (node < nodes.length && nodes[node].group) || "";
    layer.sort((a, b) => of(a) - of(b) || (name(a) < name(b) ? -1 : Number(name(a) > name(b))) || order.get(a) - order.get(b));
  }

  /** How many edges cross, counted by inversions rank by rank. */
  function crossed(graph, position) {
    let total = 0;
    for (const layer of graph.layers) {
      const ends = [];
      for (const node of layer) {
        ends.push(...graph.below[node].map((to) => position[to]).sort((a, b) => a - b));
      }
      const most = ends.reduce((a, b) => Math.max(a, b), 0) + 2;
      const tree = new Int32Array(most + 1);
      let seen = 0;
      for (const end of ends) {
        let before = 0;
        for (let at = end + 1; at > 0; at -= at & -at) before += tree[at];
        total += seen - before;
        for (let at = end + 1; at <= most; at += at & -at) tree[at] += 1;
        seen += 1;
      }
    }
    return total;
  }

  /** Gives every node its place: ranks side by side, and within a rank as near to the neighbours as the others allow. */
  function placed(graph, nodes, { across, between, apart }) {
    const { above, below, layers, real } = graph;
    const count = graph.rank.length;
    const y = new Float64Array(count);
    const height = (node) => (node < real ? nodes[node].height : 0);
    const group = (node) => (node < real ? nodes[node].group : undefined);
    const gap = (one, other) => {
      const size = (height(one) + height(other)) / 2;
      if (one >= real && other >= real) return 8;
      const far = group(one) !== group(other) && (group(one) !== undefined || group(other) !== undefined);
      return size + (far ? apart : between);
    };
    const gaps = layers.map((layer) => layer.map((node, at) => (at ? gap(layer[at - 1], node) : 0)));
    layers.forEach((layer, at) => {
      let now = 0;
      layer.forEach((node, index) => (y[node] = now += gaps[at][index]));
    });
    const wish = (node, of) => {
      const near = of[node];
      if (!near.length) return y[node];
      let sum = 0;
      for (const one of near) sum += y[one];
      return sum / near.length;
    };
    const settle = (at, of) => {
      const layer = layers[at];
      spread(layer, gaps[at], (node) => wish(node, of), (node) => (node >= real ? 3 : of[node].length ? 1 : 0.05), y);
    };
    const both = above.map((up, node) => [...up, ...below[node]]);
    for (let sweep = 0; sweep < 6; sweep += 1) {
      if (sweep % 2) for (let at = layers.length - 2; at >= 0; at -= 1) settle(at, below);
      else for (let at = 1; at < layers.length; at += 1) settle(at, above);
    }
    for (let at = 0; at < layers.length; at += 1) settle(at, both);
    for (let at = layers.length - 1; at >= 0; at -= 1) settle(at, both);
    const widths = layers.map((layer) => Math.max(0, ...layer.filter((one) => one < real).map((one) => nodes[one].width)));
    const lefts = [];
    let x = 0;
    widths.forEach((width, at) => {
      lefts.push(x);
      const crowd = Math.min(2.2, 1 + layers[at].length / 120); // many edges need more room to turn
      x += width + across * crowd;
    });
    Object.assign(graph, { y, lefts, widths });
  }

  /** The places nearest to the wishes that keep the gaps (least squares; pools of neighbours that would overlap). */
  function spread(layer, gaps, wish, weight, y) {
    let offset = 0;
    const pools = [];
    const offsets = layer.map((_, at) => (offset += gaps[at]));
    layer.forEach((node, at) => {
      const [heavy, wanted] = [weight(node), wish(node) - offsets[at]];
      let pool = { heavy, sum: heavy * wanted, count: 1 };
      while (pools.length && pools[pools.length - 1].sum / pools[pools.length - 1].heavy > pool.sum / pool.heavy) {
        const before = pools.pop();
        pool = { heavy: pool.heavy + before.heavy, sum: pool.sum + before.sum, count: pool.count + before.count };
      }
      pools.push(pool);
    });
    let at = 0;
    for (const pool of pools) {
      for (let number = 0; number < pool.count; number += 1, at += 1) y[layer[at]] = pool.sum / pool.heavy + offsets[at];
    }
  }

  /** Places with the top left corner at 0, 0, and for every edge the points that it passes. */
  function drawn(graph, nodes, links, forward) {
    const { y, lefts, widths, rank, ways } = graph;
    let [top, bottom] = [Infinity, -Infinity];
    nodes.forEach((node, at) => {
      top = Math.min(top, y[at] - node.height / 2);
      bottom = Math.max(bottom, y[at] + node.height / 2);
    });
    for (let at = nodes.length; at < y.length; at += 1) {
      top = Math.min(top, y[at]);
      bottom = Math.max(bottom, y[at]);
    }
    if (!nodes.length) [top, bottom] = [0, 0];
    const places = new Map(nodes.map((node, at) => [node.id, { x: lefts[rank[at]], y: y[at] - node.height / 2 - top }]));
    const routes = ways.map((way, link) => {
      const points = way.flatMap((one, at) => {
        const level = y[one] - top;
        if (one < nodes.length) return [{ x: lefts[rank[one]] + (at ? 0 : nodes[one].width), y: level }];
        return [{ x: lefts[rank[one]], y: level }, { x: lefts[rank[one]] + widths[rank[one]], y: level }];
      });
      return forward[link][0] === links[link][0] ? points : points.reverse();
    });
    const last = lefts.length - 1;
    return { places, routes, width: last < 0 ? 0 : lefts[last] + widths[last], height: bottom - top, crossings: graph.crossings };
  }
})();
