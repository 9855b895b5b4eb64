/** What one kernel makes of one program. */
import { effect, signal } from '@preact/signals';
import type { MatrixRoute } from '../model/route.ts';
import { verifyCommand, verifyTest } from '../model/share.ts';
import type { MatrixEntry, Verdict } from '../protocol.ts';
import { engine } from '../rpc.ts';
import { into, type Loaded, NONE, route } from '../store.ts';
import { Copy, Empty, grouped, Pane } from './parts.tsx';

interface Told {
  readonly verdict: Verdict;
  readonly log: readonly string[];
}

/** Lines of the log that are shown: its end. */
const LOG_END = 14;

const told = signal<Loaded<Told>>(NONE);
let asked = '';

/** Asks once for each cell whose kernel verifies. */
function tell({ file, program, kernel }: MatrixRoute): void {
  const key = [file, program, kernel].join('\n');
  if (key === asked) return;
  asked = key;
  void into(told, verdictOf(file, program, kernel), () => key === asked);
}

async function verdictOf(file: string, program: string, kernel: string): Promise<Told> {
  const { verdict } = await engine.code(file, program, kernel);
  const from = Math.max(0, verdict.logLines - LOG_END);
  return { verdict, log: await engine.log(file, program, from, verdict.logLines, kernel) };
}

effect(() => {
  // What is opened in between may be another file of that name.
  if (route.value.screen !== 'matrix') asked = '';
});

interface CellPaneProps {
  readonly at: MatrixRoute;
  readonly entry: MatrixEntry | undefined;
  readonly needs: readonly string[];
  readonly problem: string | undefined;
  readonly onCode: () => void;
}

export function MatrixCellPane({ at, entry, needs, problem, onCode }: CellPaneProps) {
  const title = `${at.program} on Linux ${at.kernel}`;
  if (!entry) {
    return (
      <Pane title={title}>
        <Empty>{problem ?? 'Verifying …'}</Empty>
      </Pane>
    );
  }
  return (
    <Pane scrolls title={title}>
      <div class="state">
        <p class={`step-words verdict ${entry.ok ? 'good' : 'bad'}`}>{sentence(entry)}</p>
        {entry.insns === undefined && entry.reason !== undefined && <p>{entry.reason}</p>}
        {entry.exact && entry.insns === undefined && (
          <div class="visit">
            <Copies at={at} refusal={entry.reason} />
          </div>
        )}
        {entry.insns !== undefined && <Exact at={at} onCode={onCode} reason={entry.reason} />}
        <Words title="It has not got" words={entry.missing} />
        <Words title="The program needs" words={needs} />
      </div>
    </Pane>
  );
}

function sentence({ exact, ok, insns }: MatrixEntry): string {
  if (!exact) return ok ? 'It would probably be loaded.' : 'It would probably not be loaded.';
  const walked = insns === undefined ? '' : ` after ${grouped(insns)} instructions`;
  return ok ? `✓ accepted${walked}` : `✕ rejected${walked}`;
}

function Words(props: { readonly title: string; readonly words: readonly string[] }) {
  if (props.words.length === 0) return null;
  return (
    <section aria-label={props.title}>
      <h3>{props.title}</h3>
      <ul class="needs">
        {props.words.map((word) => (
          <li key={word}>
            <code>{word}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Copies(props: { readonly at: MatrixRoute; readonly refusal: string | undefined }) {
  const { file, program, kernel } = props.at;
  return (
    <>
      <Copy label="Copy as CLI" text={() => verifyCommand(file, kernel)} />
      <Copy label="Copy as test" text={() => verifyTest(file, program, props.refusal, kernel)} />
    </>
  );
}

interface ExactProps {
  readonly at: MatrixRoute;
  readonly onCode: () => void;
  readonly reason: string | undefined;
}

function Exact({ at, onCode, reason }: ExactProps) {
  tell(at);
  const loaded = told.value;
  const verdict = loaded.state === 'ready' ? loaded.value.verdict : undefined;
  const explanation = verdict?.explanation;
  const refusal = verdict?.ok === false ? (explanation?.kernel ?? verdict.errno) : undefined;
  return (
    <>
      {explanation && <p>{explanation.problem}</p>}
      {!verdict && reason !== undefined && <p>{reason}</p>}
      {explanation?.advice.map((line) => (
        <p class="advice" key={line}>
          {line}
        </p>
      ))}
      <div class="visit">
        <button type="button" onClick={onCode}>
          Code by these rules <kbd aria-hidden="true">o</kbd>
        </button>
        <Copies at={at} refusal={refusal ?? reason} />
      </div>
      {loaded.state === 'loading' && <p class="note">Reading the log …</p>}
      {loaded.state === 'failed' && <p class="problem">{loaded.message}</p>}
      {loaded.state === 'ready' && (
        <section aria-label="End of the log">
          <h3>End of the log</h3>
          <pre tabIndex={0}>{loaded.value.log.join('\n')}</pre>
        </section>
      )}
    </>
  );
}
