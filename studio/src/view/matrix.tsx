/** Matrix: which kernels would load which program, and why not. */
import { computed, effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { MatrixRoute } from '../model/route.ts';
import { matrixCommand } from '../model/share.ts';
import type { MatrixAnswer, MatrixEntry } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { files, go, into, type Loaded, NONE, objectFiles, route, screenKeys } from '../store.ts';
import { MatrixCellPane } from './matrix-cell.tsx';
import './matrix.css';
import { Copy, grouped } from './parts.tsx';

interface RowKey {
  readonly file: string;
  readonly program: string;
}

const keyOf = ({ file, program }: RowKey): string => `${file}\n${program}`;

const rows = computed((): readonly RowKey[] =>
  objectFiles.value.flatMap(({ name, object }) =>
    object!.programs.map((program) => ({ file: name, program: program.name })),
  ),
);

const answers = signal<ReadonlyMap<string, Loaded<MatrixAnswer>>>(new Map());
const matrixRoute = computed((): MatrixRoute | undefined =>
  route.value.screen === 'matrix' ? route.value : undefined,
);
const selected = computed((): Loaded<MatrixAnswer> => {
  const at = matrixRoute.value;
  return (at && answers.value.get(keyOf(at))) ?? NONE;
});
/** Columns: known with the first answer. */
const kernels = computed((): readonly string[] => {
  for (const answer of answers.value.values()) {
    if (answer.state === 'ready') return answer.value.cells.map(({ kernel }) => kernel);
  }
  return [];
});

/** Another file of the same name is asked about anew. */
effect(() => {
  void files.value;
  answers.value = new Map();
});

let isAsking = false;

/** One row after the other, the selected one first. */
async function ask(): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  for (let next = nextRow(); next && matrixRoute.peek(); next = nextRow()) {
    const key = keyOf(next);
    const before = files.peek();
    const target = signal<Loaded<MatrixAnswer>>(NONE);
    await into(target, engine.matrix(next.file, next.program), () => true);
    if (files.peek() === before) answers.value = new Map(answers.peek()).set(key, target.peek());
  }
  isAsking = false;
}

function nextRow(): RowKey | undefined {
  const at = matrixRoute.peek();
  const isNew = (row: RowKey): boolean => !answers.peek().has(keyOf(row));
  const own = rows.peek().find((row) => at && keyOf(row) === keyOf(at));
  return own && isNew(own) ? own : rows.peek().find(isNew);
}

effect(() => {
  if (matrixRoute.value && rows.value.length > 0) void ask();
});

function moveBy(down: number, right: number): void {
  const at = matrixRoute.value;
  if (!at) return;
  const row = rows.value.findIndex((one) => keyOf(one) === keyOf(at));
  const column = kernels.value.indexOf(at.kernel);
  const to = rows.value[Math.max(0, Math.min(rows.value.length - 1, row + down))];
  const kernel =
    kernels.value[Math.max(0, Math.min(kernels.value.length - 1, column + right))] ?? at.kernel;
  if (to) go({ ...at, ...to, kernel }, true);
}

function openCode(): void {
  const at = matrixRoute.value;
  const loaded = selected.value;
  if (!at || loaded.state !== 'ready') return;
  if (!loaded.value.cells.some(({ kernel, insns }) => insns !== undefined && kernel === at.kernel))
    return;
  const { file, program, kernel } = at;
  go({ screen: 'code', file, program, insn: 0, pane: 'state', kernel });
}

const KEYS = [
  { keys: ['j', 'ArrowDown'], what: 'Matrix: next program', act: () => moveBy(1, 0) },
  { keys: ['k', 'ArrowUp'], what: 'Matrix: program before', act: () => moveBy(-1, 0) },
  { keys: ['ArrowRight'], what: 'Matrix: newer kernel', act: () => moveBy(0, 1) },
  { keys: ['ArrowLeft'], what: 'Matrix: older kernel', act: () => moveBy(0, -1) },
  { keys: ['o'], what: "Matrix: the program under that kernel's rules", act: openCode },
];

export function MatrixScreen() {
  const at = matrixRoute.value;
  useEffect(() => {
    screenKeys.value = KEYS;
    return () => (screenKeys.value = []);
  }, []);
  if (!at) return null;
  const loaded = selected.value;
  return (
    <div class="matrix">
      <div class="bar">
        <span class="note">
          {grouped(rows.value.length)} {rows.value.length === 1 ? 'program' : 'programs'} ×{' '}
          {kernels.value.length || '…'} kernels. 6.1 and 6.12 verify; of the others it is looked up
          what they have.
        </span>
        <span class="gap" />
        <Copy label="Copy as CLI" text={() => matrixCommand(at.file, at.program)} />
        <Copy label="Copy as Markdown" text={markdown} />
      </div>
      <div class="matrix-columns">
        <div class="matrix-table" tabIndex={0} role="region" aria-label="Programs and kernels">
          <Grid at={at} />
        </div>
        <MatrixCellPane
          at={at}
          entry={
            loaded.state === 'ready'
              ? loaded.value.cells.find(({ kernel }) => kernel === at.kernel)
              : undefined
          }
          needs={loaded.state === 'ready' ? loaded.value.needs : []}
          problem={loaded.state === 'failed' ? loaded.message : undefined}
          onCode={openCode}
        />
      </div>
    </div>
  );
}

function Grid({ at }: { readonly at: MatrixRoute }) {
  const several = new Set(rows.value.map(({ file }) => file)).size > 1;
  return (
    <table role="grid" aria-label="Programs by kernel">
      <thead>
        <tr>
          <th scope="col">Program</th>
          {kernels.value.map((kernel) => (
            <th scope="col" key={kernel}>
              {kernel}
            </th>
          ))}
          {kernels.value.length === 0 && <th scope="col">Verifying …</th>}
        </tr>
      </thead>
      <tbody>
        {rows.value.map((row) => (
          <tr key={keyOf(row)}>
            <th scope="row">
              {row.program}
              {several && <span class="note"> {row.file}</span>}
            </th>
            <Cells row={row} at={at} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cells({ row, at }: { readonly row: RowKey; readonly at: MatrixRoute }) {
  const answer = answers.value.get(keyOf(row));
  if (answer?.state !== 'ready') {
    const words = answer?.state === 'failed' ? answer.message : '…';
    return <td colSpan={Math.max(1, kernels.value.length)}>{words}</td>;
  }
  const isRow = keyOf(row) === keyOf(at);
  return (
    <>
      {answer.value.cells.map((entry) => (
        <Cell
          key={entry.kernel}
          entry={entry}
          selected={isRow && entry.kernel === at.kernel}
          onSelect={() => go({ ...at, ...row, kernel: entry.kernel }, true)}
        />
      ))}
    </>
  );
}

interface CellProps {
  readonly entry: MatrixEntry;
  readonly selected: boolean;
  readonly onSelect: () => void;
}

function Cell({ entry, selected: isSelected, onSelect }: CellProps) {
  const { exact, ok, insns } = entry;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isSelected && button.current?.closest('table')?.contains(document.activeElement))
      button.current.focus();
  }, [isSelected]);
  return (
    <td aria-selected={isSelected} class={`${ok ? 'good' : 'bad'} ${exact ? '' : 'likely'}`}>
      <button type="button" ref={button} tabIndex={isSelected ? 0 : -1} onClick={onSelect}>
        <b>
          <span aria-hidden="true">{ok ? '✓' : '✕'}</span> {wordOf(entry)}
        </b>
        <span class="note">
          {exact
            ? insns === undefined
              ? 'not loaded'
              : `${grouped(insns)} walked`
            : (entry.missing[0] ?? (ok ? 'has all of it' : entry.reason))}
        </span>
      </button>
    </td>
  );
}

/** Only those that verified are sure. */
export function wordOf({ exact, ok }: MatrixEntry): string {
  if (exact) return ok ? 'accepted' : 'rejected';
  return ok ? 'probably' : 'probably not';
}

/** The table for a pull request. */
function markdown(): string {
  const lines = rows.value.flatMap((row) => {
    const answer = answers.value.get(keyOf(row));
    if (answer?.state !== 'ready') return [];
    return [`| ${row.program} | ${answer.value.cells.map(wordOf).join(' | ')} |`];
  });
  const head = `| program | ${kernels.value.join(' | ')} |`;
  return `${[head, head.replace(/[^|]+/g, ' --- ').replace(/\| --- $/, '|'), ...lines].join('\n')}\n`;
}
