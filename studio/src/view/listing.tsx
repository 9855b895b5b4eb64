/** What a program becomes when it is loaded: beside the source in the place of its bytecode. */
import { effect, signal } from '@preact/signals';
import type { CodeForm } from '../model/route.ts';
import type { CodeRow } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { code, go, into, type Loaded, NONE, route } from '../store.ts';
import { lineKey, rowOf } from './bytecode.tsx';
import { List } from './list.tsx';
import { Empty } from './parts.tsx';

const listing = signal<Loaded<readonly CodeRow[]>>(NONE);
/** Row that was chosen, of those that belong to no line. */
const chosen = signal(-1);

let shownForm = '';
let shownCode: unknown;

effect(() => {
  const [at, program] = [route.value, code.value];
  if (at.screen !== 'code' || !at.form || program.state !== 'ready') return;
  if (shownForm === at.form && shownCode === program.value) return;
  shownForm = at.form;
  shownCode = program.value;
  chosen.value = -1;
  const { value } = program;
  const { form } = at;
  const wanted = engine.listing(at.file, at.program, form, at.kernel);
  void into(listing, wanted, () => shownCode === value && shownForm === form);
});

const NAMES: Readonly<Record<CodeForm | 'bytecode', string>> = {
  bytecode: 'Bytecode',
  xlated: 'xlated',
  wasm: 'wasm',
};

export function FormTabs() {
  const at = route.value;
  if (at.screen !== 'code') return null;
  return (
    <div class="tabs" role="group" aria-label="What the second column shows">
      {(Object.keys(NAMES) as (CodeForm | 'bytecode')[]).map((form) => (
        <button
          type="button"
          key={form}
          aria-pressed={(at.form ?? 'bytecode') === form}
          onClick={() => go({ ...at, form: form === 'bytecode' ? undefined : form }, true)}
        >
          {NAMES[form]}
        </button>
      ))}
    </div>
  );
}

/** To the next form: bytecode, xlated, wasm. */
export function nextForm(): void {
  const at = route.value;
  if (at.screen !== 'code') return;
  const form = at.form === undefined ? 'xlated' : at.form === 'xlated' ? 'wasm' : undefined;
  go({ ...at, form }, true);
}

interface ListingProps {
  readonly form: CodeForm;
  readonly rows: readonly CodeRow[];
  readonly insn: number;
  readonly onSelect: (insn: number) => void;
}

/** Rows of the selected line are marked; choosing one goes to the bytecode of its line. */
export function Listing({ form, rows, insn, onSelect }: ListingProps) {
  const loaded = listing.value;
  if (loaded.state === 'failed') return <Empty>{loaded.message}</Empty>;
  if (loaded.state !== 'ready') return <Empty>Loading {form} …</Empty>;
  const all = loaded.value;
  const line = lineKey(rows[rowOf(rows, insn)]);
  const isLinked = (row: CodeRow | undefined): boolean => line !== '' && lineKey(row) === line;
  const first = all.findIndex(isLinked);
  const own = chosen.value;
  const selected = own >= 0 && (first < 0 || isLinked(all[own])) ? own : first;
  const choose = (i: number): void => {
    chosen.value = i;
    const key = lineKey(all[i]);
    const to =
      key === '' || isLinked(all[i]) ? undefined : rows.find((row) => lineKey(row) === key);
    if (to) onSelect(to.insn);
  };
  return (
    <List
      id="loaded"
      label={form === 'wasm' ? 'WebAssembly' : 'Instructions as loaded'}
      count={all.length}
      selected={selected}
      onSelect={choose}
      rowClass={(i) => (isLinked(all[i]) ? 'linked' : '')}
    >
      {(i) => {
        const { insn: number, text, function: name } = all[i]!;
        return (
          <>
            <span class="number">{number}</span>
            <code class="insn-text">{text}</code>
            {name !== undefined && <span class="function">{name}</span>}
          </>
        );
      }}
    </List>
  );
}
