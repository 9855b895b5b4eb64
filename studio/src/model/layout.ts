/** A drawing of a graph in layers: blocks one below the other, edges around them. */
import { type Link, layersOf } from './layers.ts';
import { type Item, orderLayers, placeLayers } from './place.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box extends Size {
  /** Upper left corner. */
  readonly x: number;
  readonly y: number;
}

export interface Wire {
  /** Path of an SVG, from the lower side of one box to the upper side of the other. */
  readonly path: string;
  /** It closes a loop. */
  readonly back: boolean;
  /** What it is drawn in. */
  readonly box: Box;
}

export interface Drawing extends Size {
  readonly boxes: readonly Box[];
  readonly wires: readonly Wire[];
}

/** Edges over more layers go around the graph, together with others to the same box. */
const LONGEST_INSIDE = 3;
const ROOM = 34;
const TRACK = 6;
const MOST_TRACKS = 10;
const LANE = 12;
const EDGE_LANE = 26;
const PORTS_APART = 14;
const MARGIN = 24;
const ROUND = 6;

interface Routed {
  /** Bends of an edge inside, by item; undefined: it goes by a lane. */
  readonly bends?: readonly number[];
}

/** Node 0 is where all begins. */
export function drawGraph(sizes: readonly Size[], links: readonly Link[]): Drawing {
  return new Draft(sizes, links).drawing();
}

class Draft {
  readonly #sizes: readonly Size[];
  readonly #links: readonly Link[];
  readonly #back: readonly boolean[];
  readonly #layer: Int32Array;
  readonly #items: Item[] = [];
  readonly #layers: number[][] = [];
  readonly #routes: Routed[];
  readonly #x: Float64Array;
  /** By layer: its upper and its lower edge, and the ends of what stands in it. */
  readonly #tops: number[] = [];
  readonly #bottoms: number[] = [];
  readonly #lefts: number[] = [];
  readonly #rights: number[] = [];
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #outPorts: Float64Array;
  readonly #inPorts: Float64Array;

  constructor(sizes: readonly Size[], links: readonly Link[]) {
    this.#sizes = sizes;
    this.#links = links;
    const { layer, back, order } = layersOf(sizes.length, links);
    this.#layer = layer;
    this.#back = back;
    sizes.forEach(({ width }, i) => this.#add(width, layer[i]!, false));
    for (const node of order) (this.#layers[layer[node]!] ??= []).push(node);
    this.#routes = links.map((link, i) => this.#route(link, back[i]!));
    orderLayers(this.#items, this.#layers);
    this.#x = placeLayers(this.#items, this.#layers);
    this.#outPorts = new Float64Array(links.length);
    this.#inPorts = new Float64Array(links.length);
    this.#lanes = this.#findLanes();
    this.#stack();
    this.#findPorts();
  }

  drawing(): Drawing {
    const wires = this.#links.map((_, i) => this.#wire(i));
    const boxes = this.#sizes.map(({ width, height }, i) => ({
      x: this.#x[i]! - width / 2,
      y: this.#tops[this.#layer[i]!]!,
      width,
      height,
    }));
    const all = [...boxes, ...wires.map(({ box }) => box)];
    const left = all.reduce((least, { x }) => Math.min(least, x), Infinity) - MARGIN;
    const right = all.reduce((most, { x, width }) => Math.max(most, x + width), -Infinity);
    const shift = (box: Box): Box => ({ ...box, x: box.x - left });
    return {
      boxes: boxes.map(shift),
      wires: wires.map(({ points, ...wire }) => ({
        ...wire,
        box: shift(wire.box),
        path: pathOf(points.map((point) => ({ ...point, x: point.x - left }))),
      })),
      width: right - left + MARGIN,
      height: (this.#bottoms.at(-1) ?? 0) + MARGIN + ROOM,
    };
  }

  #add(width: number, layer: number, isBend: boolean): number {
    return this.#items.push({ layer, width, above: [], below: [], isBend }) - 1;
  }

  /** Edges that are short get bends in the layers they pass. */
  #route({ from, to }: Link, back: boolean): Routed {
    const span = this.#layer[to]! - this.#layer[from]!;
    if (back || span > LONGEST_INSIDE) return {};
    const bends: number[] = [];
    let last = from;
    for (let layer = this.#layer[from]! + 1; layer <= this.#layer[to]!; layer++) {
      const item = layer === this.#layer[to] ? to : this.#add(2, layer, true);
      if (item !== to) {
        bends.push(item);
        this.#layers[layer]!.push(item);
      }
      this.#items[last]!.below.push(item);
      this.#items[item]!.above.push(last);
      last = item;
    }
    return { bends };
  }

  /** Edges of one direction to one box share a lane beside the graph. */
  #findLanes(): Map<string, Lane> {
    const lanes = new Map<string, Lane>();
    this.#links.forEach(({ from, to }, i) => {
      if (this.#routes[i]!.bends) return;
      const key = this.#laneKey(i);
      const lane = lanes.get(key) ?? { back: this.#back[i]!, first: Infinity, last: 0, place: 0 };
      const ends = [this.#layer[from]!, this.#layer[to]!];
      lane.first = Math.min(lane.first, ...ends);
      lane.last = Math.max(lane.last, ...ends);
      lanes.set(key, lane);
    });
    // Short ones are next to the graph; a lane ends where the next may begin.
    const taken: { left: Lane[][]; right: Lane[][] } = { left: [], right: [] };
    for (const lane of [...lanes.values()].sort((a, b) => a.last - a.first - (b.last - b.first))) {
      const side = lane.back ? taken.left : taken.right;
      const free = side.findIndex((column) =>
        column.every(({ first, last }) => lane.first > last || lane.last < first),
      );
      lane.place = free < 0 ? side.length : free;
      (side[lane.place] ??= []).push(lane);
    }
    return lanes;
  }

  #laneKey(link: number): string {
    return `${this.#back[link] ? 'back' : 'on'} ${this.#links[link]!.to}`;
  }

  /** Heights of the layers and of the room between them. */
  #stack(): void {
    const ends = new Map<number, number>();
    this.#links.forEach(({ from, to }, i) => {
      if (this.#routes[i]!.bends) return;
      for (const layer of [this.#layer[from]! + 1, this.#layer[to]!]) {
        ends.set(layer, (ends.get(layer) ?? 0) + 1);
      }
    });
    let y = 0;
    this.#layers.forEach((layer, i) => {
      y += ROOM + TRACK * Math.min(MOST_TRACKS, ends.get(i) ?? 0);
      this.#tops.push(y);
      const heights = layer.map((item) => this.#sizes[item]?.height ?? 0);
      y += heights.reduce((most, height) => Math.max(most, height), 0);
      this.#bottoms.push(y);
      const sides = layer.map((item) => [this.#x[item]!, this.#items[item]!.width / 2] as const);
      this.#lefts.push(sides.reduce((least, [x, half]) => Math.min(least, x - half), Infinity));
      this.#rights.push(sides.reduce((most, [x, half]) => Math.max(most, x + half), -Infinity));
    });
  }

  /** Edges of a box leave and arrive side by side, in the order of where they go. */
  #findPorts(): void {
    const out: number[][] = this.#sizes.map(() => []);
    const into: number[][] = this.#sizes.map(() => []);
    this.#links.forEach(({ from, to }, i) => {
      out[from]!.push(i);
      into[to]!.push(i);
    });
    const side = (link: number, end: 'from' | 'to'): number => {
      const { bends } = this.#routes[link]!;
      if (!bends) return this.#back[link] ? -1e9 : 1e9;
      const near = end === 'from' ? bends[0] : bends.at(-1);
      return this.#x[near ?? this.#links[link]![end === 'from' ? 'to' : 'from']]!;
    };
    const spread = (links: number[], end: 'from' | 'to', ports: Float64Array) => {
      links.sort((a, b) => side(a, end) - side(b, end));
      // Those that share a lane arrive together.
      const places = [...new Set(links.map((link) => this.#portKey(link, end)))];
      for (const link of links) {
        const node = this.#links[link]![end];
        const apart = Math.min(PORTS_APART, this.#sizes[node]!.width / (places.length + 1));
        const place = places.indexOf(this.#portKey(link, end)) - (places.length - 1) / 2;
        ports[link] = this.#x[node]! + place * apart;
      }
    };
    for (const links of out) spread(links, 'from', this.#outPorts);
    for (const links of into) spread(links, 'to', this.#inPorts);
  }

  #portKey(link: number, end: 'from' | 'to'): string {
    return end === 'to' && !this.#routes[link]!.bends ? this.#laneKey(link) : String(link);
  }

  #wire(link: number): { points: Point[]; back: boolean; box: Box } {
    const { from, to } = this.#links[link]!;
    const { bends } = this.#routes[link]!;
    const start = {
      x: this.#outPorts[link]!,
      y: this.#tops[this.#layer[from]!]! + this.#sizes[from]!.height,
    };
    const end = { x: this.#inPorts[link]!, y: this.#tops[this.#layer[to]!]! };
    const points = bends ? this.#inside(start, bends, end) : this.#around(link, start, end);
    return { points, back: this.#back[link]!, box: boundsOf(points) };
  }

  #inside(start: Point, bends: readonly number[], end: Point): Point[] {
    const points: Point[] = [start];
    const bottom = this.#bottoms[this.#layerAt(start.y)]!;
    if (bottom > start.y + 1) points.push({ x: start.x, y: bottom });
    for (const bend of bends) {
      const { layer } = this.#items[bend]!;
      const x = this.#x[bend]!;
      points.push({ x, y: this.#tops[layer]!, curve: true }, { x, y: this.#bottoms[layer]! });
    }
    return [...points, { ...end, curve: true }];
  }

  /** The layer that reaches down to `y`. */
  #layerAt(y: number): number {
    let low = 0;
    let high = this.#bottoms.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#bottoms[middle]! >= y - 0.5) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #around(link: number, start: Point, end: Point): Point[] {
    const { from, to } = this.#links[link]!;
    const lane = this.#lanes.get(this.#laneKey(link))!;
    const track = ((lane.place % MOST_TRACKS) + 1) * TRACK;
    const x = this.#laneX(lane);
    const below = this.#bottoms[this.#layer[from]!]! + track;
    const above = this.#tops[this.#layer[to]!]! - 8 - track;
    return [
      start,
      { x: start.x, y: below },
      { x, y: below },
      { x, y: above },
      { x: end.x, y: above },
      end,
    ];
  }

  #laneX({ back, first, last, place }: Lane): number {
    const away = EDGE_LANE + place * LANE;
    const sides = back ? this.#lefts : this.#rights;
    let x = sides[first]!;
    for (let layer = first; layer <= last; layer++) {
      x = back ? Math.min(x, sides[layer]!) : Math.max(x, sides[layer]!);
    }
    return back ? x - away : x + away;
  }
}

interface Lane {
  readonly back: boolean;
  first: number;
  last: number;
  /** From the graph outwards. */
  place: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
  /** Reached in a curve instead of a line. */
  readonly curve?: boolean;
}

function boundsOf(points: readonly Point[]): Box {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

const at = (n: number): string => n.toFixed(1).replace(/\.0$/, '');

/** Lines with round corners, and curves that leave and arrive upright. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  let path = `M${at(first!.x)} ${at(first!.y)}`;
  rest.forEach((point, i) => {
    const before = points[i]!;
    const next = rest[i + 1];
    if (point.curve) {
      const middle = at((before.y + point.y) / 2);
      path += `C${at(before.x)} ${middle} ${at(point.x)} ${middle} ${at(point.x)} ${at(point.y)}`;
    } else if (next && !next.curve) {
      path += corner(before, point, next);
    } else {
      path += `L${at(point.x)} ${at(point.y)}`;
    }
  });
  return path;
}

function corner(from: Point, turn: Point, to: Point): string {
  const before = towards(turn, from);
  const after = towards(turn, to);
  return `L${at(before.x)} ${at(before.y)}Q${at(turn.x)} ${at(turn.y)} ${at(after.x)} ${at(after.y)}`;
}

function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(ROUND, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
