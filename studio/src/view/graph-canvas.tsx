/** The drawing of a graph: boxes and edges that are in sight, moved and zoomed. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type FlowNode, lineTop, shortened } from '../model/flow.ts';
import type { Box, Drawing } from '../model/layout.ts';
import type { Camera } from './camera.ts';
import { drawing, flow, selectNode, shownNode } from './graph-store.ts';
import { times } from './parts.tsx';

/** What the replay shows on it; undefined: the whole walk. */
export interface Shown {
  /** Blocks the walk is at, came over, and has been to. */
  readonly at: number;
  readonly way: ReadonlySet<number>;
  readonly wayLinks: ReadonlySet<string>;
  readonly seen: (block: number) => boolean;
}

interface CanvasProps {
  readonly label: string;
  readonly camera: Camera;
  readonly shown: Shown | undefined;
  /** Calls have no blocks to go into: a box leads to its function. */
  readonly onOpen: (node: FlowNode) => void;
}

/** Boxes without words are all that can be read below that. */
const WORDS_FROM = 0.4;

export function Canvas({ label, camera, shown, onOpen }: CanvasProps) {
  const box = useRef<HTMLDivElement>(null);
  const drag = useSignal<{ x: number; y: number } | undefined>(undefined);
  useSized(box, camera);
  useEffect(() => {
    const element = box.current!;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey)
        camera.zoomBy(Math.exp(-event.deltaY / 200), event.clientX - left, event.clientY - top);
      else camera.panBy(event.deltaX, event.deltaY);
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, []);
  return (
    <div
      class="canvas"
      ref={box}
      role="application"
      aria-label={label}
      aria-describedby="graph-keys graph-selected"
      tabIndex={0}
      onKeyDown={(event) => {
        if (!keyOnCanvas(event, camera, onOpen)) return;
        event.preventDefault();
        event.stopPropagation();
      }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        drag.value = { x: event.clientX, y: event.clientY };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={({ clientX, clientY }) => {
        const from = drag.value;
        if (!from) return;
        camera.panBy(from.x - clientX, from.y - clientY);
        drag.value = { x: clientX, y: clientY };
      }}
      onPointerUp={() => (drag.value = undefined)}
    >
      <span class="hidden" id="graph-keys">
        Arrows go to the boxes above, below and beside. The table has the same as text.
      </span>
      <span class="hidden" id="graph-selected" aria-live="polite">
        {nodeWords(flow.value.nodes[shownNode.value])}
      </span>
      <Scene camera={camera} shown={shown} onOpen={onOpen} />
      <Overview camera={camera} />
    </div>
  );
}

function useSized(box: { readonly current: HTMLDivElement | null }, camera: Camera): void {
  const isOpen = useSignal(false);
  useEffect(() => {
    const element = box.current!;
    const sized = new ResizeObserver(() => {
      camera.size.value = { width: element.clientWidth, height: element.clientHeight };
      isOpen.value = true;
    });
    sized.observe(element);
    return () => sized.disconnect();
  }, []);
  const picture = drawing.value;
  useEffect(() => {
    if (isOpen.value) camera.open(picture, picture.boxes[0]);
  }, [picture, isOpen.value]);
  const selected = picture.boxes[shownNode.value];
  useEffect(() => {
    if (selected && isOpen.value) camera.show(selected);
  }, [selected, isOpen.value]);
}

function nodeWords(node: FlowNode | undefined): string {
  if (!node) return '';
  const counts = [
    node.visits > 0 ? `walked ${times(node.visits)}` : 'never walked',
    node.kept > 0 ? `${node.kept} states kept` : '',
    node.pruned > 0 ? `${node.pruned} paths pruned` : '',
  ].filter((words) => words !== '');
  return `${node.title}, instructions ${node.start} to ${node.end - 1}: ${counts.join(', ')}`;
}

/** Keys of the drawing itself; true if it was one. */
function keyOnCanvas(event: KeyboardEvent, camera: Camera, onOpen: CanvasProps['onOpen']): boolean {
  const node = shownNode.value;
  const ways = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  const way = ways[event.key as keyof typeof ways];
  if (way && !event.altKey) {
    const to = neighbour(drawing.value, node, way[0]!, way[1]!);
    if (to >= 0) selectNode(to);
    return true;
  }
  const opened = flow.value.nodes[node];
  if (event.key === 'Enter' && opened) onOpen(opened);
  else if (event.key === 'Home') selectNode(0);
  else if (event.key === 'End') selectNode(flow.value.nodes.length - 1);
  else if (event.key === '+' || event.key === '=') camera.zoomBy(1.25);
  else if (event.key === '-') camera.zoomBy(0.8);
  else if (event.key === '0') camera.fit(drawing.value);
  else return false;
  return true;
}

/** Up and down along an edge if there is one that goes there; else the nearest box on that side. */
function neighbour({ boxes }: Drawing, node: number, dx: number, dy: number): number {
  const from = boxes[node];
  if (!from) return boxes.length > 0 ? 0 : -1;
  const linked = flow.value.links.flatMap((link) =>
    dy > 0 && link.from === node ? [link.to] : dy < 0 && link.to === node ? [link.from] : [],
  );
  const isThere = (box: Box): boolean =>
    dy !== 0
      ? Math.sign(box.y - from.y) === dy
      : box.y === from.y && Math.sign(box.x - from.x) === dx;
  const distance = (box: Box): number =>
    Math.hypot(box.x + box.width / 2 - from.x - from.width / 2, 2 * (box.y - from.y));
  let best = -1;
  const all = dy !== 0 && linked.some((one) => isThere(boxes[one]!)) ? linked : boxes.keys();
  for (const one of all) {
    if (!isThere(boxes[one]!)) continue;
    if (best < 0 || distance(boxes[one]!) < distance(boxes[best]!)) best = one;
  }
  return best;
}

function Scene({ camera, shown, onOpen }: Pick<CanvasProps, 'camera' | 'shown' | 'onOpen'>) {
  const { boxes, wires } = drawing.value;
  const { nodes, links } = flow.value;
  const { x, y, scale } = camera.view.value;
  const { width, height } = camera.size.value;
  const isSeen = (box: Box): boolean =>
    box.x < x + width / scale &&
    box.x + box.width > x &&
    box.y < y + height / scale &&
    box.y + box.height > y;
  const most = nodes.reduce((a, { visits }) => Math.max(a, visits), 1);
  const wireClass = (i: number): string => {
    const { ends, walked } = links[i]!;
    const onWay = shown && ends.some(([from, to]) => shown.wayLinks.has(`${from} ${to}`));
    return `wire ${wires[i]!.back ? 'back' : ''} ${onWay ? 'way' : ''} ${walked === 0 ? 'never' : ''}`;
  };
  // What lies on the way is drawn over the others.
  const order = wires.flatMap(({ box }, i) => (isSeen(box) ? [[i, wireClass(i)] as const] : []));
  order.sort((a, b) => Number(a[1].includes('way')) - Number(b[1].includes('way')));
  return (
    <svg class="scene" aria-hidden="true" width={width} height={height}>
      <Heads />
      <g transform={`scale(${scale}) translate(${-x} ${-y})`}>
        {order.map(([i, name]) => (
          <path
            key={`wire ${i}`}
            class={name}
            d={wires[i]!.path}
            marker-end={scale < WORDS_FROM ? undefined : `url(#${headOf(name)})`}
          />
        ))}
        {nodes.map((node, i) =>
          isSeen(boxes[i]!) ? (
            <Node
              key={`node ${i}`}
              node={node}
              box={boxes[i]!}
              most={most}
              words={scale >= WORDS_FROM}
              class={nodeClass(node, i, shown)}
              onSelect={() => selectNode(i)}
              onOpen={() => onOpen(node)}
            />
          ) : null,
        )}
      </g>
    </svg>
  );
}

const headOf = (name: string): string =>
  name.includes('way') ? 'head-way' : name.includes('back') ? 'head-back' : 'head';

function Heads() {
  return (
    <defs>
      {['head', 'head-back', 'head-way'].map((id) => (
        <marker
          key={id}
          id={id}
          class={id}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0 0L8 4L0 8z" />
        </marker>
      ))}
    </defs>
  );
}

function nodeClass({ blocks, visits }: FlowNode, i: number, shown: Shown | undefined): string {
  const words = ['node'];
  if (i === shownNode.value) words.push('selected');
  if (visits === 0) words.push('never');
  if (shown && blocks.length > 0) {
    if (blocks.includes(shown.at)) words.push('now');
    else if (blocks.some((block) => shown.way.has(block))) words.push('way');
    else if (!blocks.some(shown.seen)) words.push('later');
  }
  return words.join(' ');
}

interface NodeProps {
  readonly node: FlowNode;
  readonly box: Box;
  readonly most: number;
  readonly words: boolean;
  readonly class: string;
  readonly onSelect: () => void;
  readonly onOpen: () => void;
}

function Node(props: NodeProps) {
  const { node, box, most, words } = props;
  const { width, height } = box;
  // By order of magnitude: once must be seen beside a million times.
  const heat =
    node.visits === 0 ? 0 : 0.06 + (0.94 * Math.log1p(node.visits - 1)) / Math.log1p(most);
  return (
    <g
      class={props.class}
      transform={`translate(${box.x} ${box.y})`}
      onPointerDown={props.onSelect}
      onDblClick={props.onOpen}
    >
      <rect class="body" width={width} height={height} rx="7" />
      <rect
        class="heat-wash"
        width={width}
        height={height}
        rx="7"
        style={{ opacity: heat * 0.5 }}
      />
      <path class="rule" d={`M0 24H${width}`} />
      <rect class="heat-bar" y="22" width={Math.max(0, width * heat)} height="3" />
      {words && <Words node={node} width={width} />}
      <rect class="frame" width={width} height={height} rx="7" />
    </g>
  );
}

function Words({ node, width }: { readonly node: FlowNode; readonly width: number }) {
  const { title, visits, kept, pruned, lines } = node;
  const marks = [kept > 0 ? `●${short(kept)}` : '', pruned > 0 ? `⊣${short(pruned)}` : ''];
  return (
    <>
      <text class="title" x="9" y="16">
        {title}
      </text>
      <text class="counts" x={width - 9} y="16" text-anchor="end">
        {marks.filter((mark) => mark !== '').join(' ')} {visits > 0 ? `×${short(visits)}` : 'never'}
      </text>
      {lines.map(({ insn, text }, i) => (
        <text key={i} class="line" x="9" y={lineTop(i)}>
          {insn !== undefined && <tspan class="insn">{String(insn).padStart(4)} </tspan>}
          <tspan class={insn === undefined ? 'more' : ''}>{shortened(text)}</tspan>
        </text>
      ))}
    </>
  );
}

const short = (n: number): string =>
  n < 10_000 ? String(n) : n < 1_000_000 ? `${Math.round(n / 1000)}k` : `${(n / 1e6).toFixed(1)}M`;

const MAP_WIDTH = 120;
const MAP_HEIGHT = 150;

/** All of it in a corner, with what is in sight; a click goes there. */
function Overview({ camera }: { readonly camera: Camera }) {
  const { boxes, width, height } = drawing.value;
  const view = camera.view.value;
  const size = camera.size.value;
  const [w, h] = [size.width / view.scale, size.height / view.scale];
  if (w >= width && h >= height) return null;
  const scaleX = Math.min(MAP_WIDTH / width, MAP_HEIGHT / height);
  // Long graphs would be a hair: they are made wider than they are.
  const across = Math.max(scaleX, Math.min(40 / width, MAP_HEIGHT / height) || scaleX);
  const [mapWidth, mapHeight] = [Math.max(width * across, 40), height * scaleX];
  const [kx, ky] = [mapWidth / width, mapHeight / height];
  const go = (event: PointerEvent) => {
    event.stopPropagation();
    const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
    camera.centre((event.clientX - left) / kx, (event.clientY - top) / ky);
  };
  const path = boxes
    .map((box) => {
      const [bw, bh] = [Math.max(1.5, box.width * kx), Math.max(1, box.height * ky)];
      return `M${(box.x * kx).toFixed(1)} ${(box.y * ky).toFixed(1)}h${bw}v${bh}h${-bw}z`;
    })
    .join('');
  return (
    <svg
      class="overview"
      aria-hidden="true"
      width={mapWidth}
      height={mapHeight}
      onPointerDown={go}
      onPointerMove={(event) => event.buttons === 1 && go(event)}
    >
      <path d={path} />
      <rect
        x={Math.max(0, view.x * kx)}
        y={Math.max(0, view.y * ky)}
        width={Math.min(mapWidth, w * kx)}
        height={Math.max(3, Math.min(mapHeight, h * ky))}
      />
    </svg>
  );
}
