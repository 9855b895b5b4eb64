/** The graph as a table: the same for those who do not see the drawing. */
import { useSignal } from '@preact/signals';
import type { GraphRoute } from '../model/route.ts';
import type { ProgramGraph } from '../protocol.ts';
import { go } from '../store.ts';
import { shownFunction } from './graph-store.ts';
import { grouped } from './parts.tsx';

/** Rows at first, and added at a time. */
const ROWS = 200;

export function GraphTable(props: { readonly at: GraphRoute; readonly graph: ProgramGraph }) {
  const { at, graph } = props;
  const shown = useSignal(ROWS);
  const { blocks, edges, functions } = graph;
  const number = shownFunction.value;
  const own = blocks.flatMap((block, i) => (block.function === number ? [i] : []));
  const here = blocks.findLastIndex(({ start }) => start <= at.insn);
  const next = new Map<number, string[]>();
  for (const { from, to, walked } of edges) {
    const words = `${to}${to <= from ? ' ↺' : ''}${walked === 0 ? ' (never gone)' : ''}`;
    next.set(from, [...(next.get(from) ?? []), words]);
  }
  return (
    <div class="graph-table" tabIndex={0} role="region" aria-label="Table of blocks">
      <table>
        <caption>Blocks of {functions[number]?.name}, and what the verifier did in them</caption>
        <thead>
          <tr>
            {['Block', 'Instructions', 'Walked', 'States kept', 'Pruned', 'Goes on to'].map(
              (name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {own.slice(0, shown.value).map((i) => {
            const { start, end, visits, kept, pruned } = blocks[i]!;
            return (
              <tr key={i} class={i === here ? 'here' : visits === 0 ? 'dead' : ''}>
                <th scope="row">
                  <button
                    type="button"
                    aria-current={i === here}
                    onClick={() => go({ ...at, insn: start }, true)}
                  >
                    {i}
                  </button>
                </th>
                <td>
                  {start}–{end - 1}
                </td>
                <td>{visits === 0 ? 'never' : grouped(visits)}</td>
                <td>{grouped(kept)}</td>
                <td>{grouped(pruned)}</td>
                <td>{next.get(i)?.join(', ') ?? 'ends'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {own.length > shown.value && (
        <button type="button" onClick={() => (shown.value += ROWS)}>
          Show {grouped(Math.min(ROWS, own.length - shown.value))} more of {grouped(own.length)}
        </button>
      )}
    </div>
  );
}
