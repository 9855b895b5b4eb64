/** Code: source, bytecode and what the verifier knows, linked. */
import { useEffect } from 'preact/hooks';
import type { Explanation } from 'beeyard/verify';
import { dumpCommand, verifyCommand, verifyTest } from '../model/share.ts';
import { sourceLines } from '../model/source.ts';
import type { ProgramCode, Verdict } from '../protocol.ts';
import { engine } from '../rpc.ts';
import {
  code,
  drafts,
  editorFocus,
  editorShown,
  go,
  route,
  screenKeys,
  sourceOf,
} from '../store.ts';
import { fixedLines } from '../model/fixes.ts';
import { Bytecode, lineKey, rowOf } from './bytecode.tsx';
import { applyFix, Fixes, shownFix } from './fixes.tsx';
import { lazyScreen } from './lazy.tsx';
import { List } from './list.tsx';
import { FormTabs, Listing, nextForm } from './listing.tsx';
import { usePages } from './pages.ts';
import { Copy, Empty, grouped, Pane } from './parts.tsx';
import { StatePane } from './state.tsx';
import { Source } from './source.tsx';

const Editor = lazyScreen(async () => (await import('./editor.tsx')).default);

const KEYS = [
  { keys: ['e'], what: 'Code: edit the source', act: openEditor },
  { keys: ['E'], what: 'Code: close the editor', act: () => (editorShown.value = false) },
  { keys: ['f'], what: 'Code: put a fix into the source, and compile', act: () => void applyFix() },
  { keys: ['u'], what: 'Code: undo in the editor, and compile', act: () => void undo() },
  { keys: ['b'], what: 'Code: bytecode, xlated, wasm', act: nextForm },
];

export function CodeScreen() {
  const at = route.value;
  useEffect(() => {
    screenKeys.value = KEYS;
    return () => (screenKeys.value = []);
  }, []);
  if (at.screen !== 'code') return null;
  if (at.program === '') return <Uncompiled file={at.file} />;
  const loaded = code.value;
  if (loaded.state === 'failed' && editorShown.value) {
    return (
      <div class="columns editing">
        <Editor />
        <Empty>{loaded.message}</Empty>
      </div>
    );
  }
  if (loaded.state === 'failed') return <Empty>{loaded.message}</Empty>;
  if (loaded.state !== 'ready') return <Empty>Verifying {at.program} …</Empty>;
  return <Program code={loaded.value} />;
}

/** A source without an object: there is nothing but the editor. */
function Uncompiled({ file }: { readonly file: string }) {
  return (
    <>
      <div class="bar">
        <strong class="verdict">not compiled</strong>
        <span class="note">{file} has no object yet, so there is nothing to verify.</span>
      </div>
      <div class="columns alone">
        <Editor />
      </div>
    </>
  );
}

function openEditor(): void {
  editorShown.value = true;
  editorFocus.value++;
}

async function undo(): Promise<void> {
  const { undoEdit } = await import('../editing.ts');
  await undoEdit();
}

export function selectInsn(insn: number): void {
  const at = route.value;
  if (at.screen === 'code') go({ ...at, insn }, true);
}

function Program({ code: { rows, lines, verdict } }: { readonly code: ProgramCode }) {
  const at = route.value;
  if (at.screen !== 'code') return null;
  const text = sourceLines(rows, lines, sourceOf(at.file));
  const bad = verdict.explanation?.at.insn;
  const badLine = verdict.explanation?.at.line;
  return (
    <>
      <VerdictBar verdict={verdict} />
      {verdict.explanation && <Banner explanation={verdict.explanation} />}
      <div class={editorShown.value ? 'columns editing' : 'columns'}>
        {editorShown.value ? (
          <Editor />
        ) : (
          <Pane title="Source" extra={<EditButton />}>
            <Source
              lines={fixedLines(text, shownFix()?.source)}
              at={lineKey(rows[rowOf(rows, at.insn)])}
              bad={badLine && `${badLine.file}:${badLine.line}`}
              onSelect={selectInsn}
            />
          </Pane>
        )}
        <Pane title={at.form ? 'Loaded' : 'Instructions'} extra={<FormTabs />}>
          {at.form ? (
            <Listing form={at.form} rows={rows} insn={at.insn} onSelect={selectInsn} />
          ) : (
            <Bytecode
              rows={rows}
              insn={at.insn}
              counts={verdict.visits}
              countName="walked"
              bad={bad}
              onSelect={selectInsn}
            />
          )}
        </Pane>
        {at.pane === 'log' ? <LogPane verdict={verdict} /> : <StatePane tabs={<Tabs />} />}
      </div>
    </>
  );
}

function EditButton() {
  const at = route.value;
  if (at.screen !== 'code' || !sourceOf(at.file)) return null;
  return (
    <button type="button" class="quiet" onClick={openEditor}>
      Edit <kbd aria-hidden="true">e</kbd>
    </button>
  );
}

function Tabs() {
  const at = route.value;
  if (at.screen !== 'code') return null;
  return (
    <div class="tabs" role="group" aria-label="What the third column shows">
      {(['state', 'log'] as const).map((pane) => (
        <button
          type="button"
          key={pane}
          aria-pressed={at.pane === pane}
          onClick={() => go({ ...at, pane }, true)}
        >
          {pane === 'state' ? 'State' : 'Log'}
        </button>
      ))}
    </div>
  );
}

function VerdictBar({ verdict }: { readonly verdict: Verdict }) {
  const at = route.value;
  if (at.screen !== 'code') return null;
  const { ok, errno, stats, explanation } = verdict;
  return (
    <div class="bar">
      <strong class={ok ? 'verdict good' : 'verdict bad'}>
        {ok ? '✓ accepted' : `✕ rejected ${errno}`}
      </strong>
      <span class="note">
        by the rules of Linux {verdict.kernel} · {grouped(stats.processed)} instructions walked ·{' '}
        {grouped(stats.totalStates)} states · {(stats.time / 1000).toFixed(1)} ms here
      </span>
      {isEdited(at.file) && (
        <span class="tag">
          <span aria-hidden="true">✎ </span>edited since
        </span>
      )}
      <span class="gap" />
      <Copy
        label="Copy as CLI"
        text={() =>
          at.form ? dumpCommand(at.file, at.program, at.form) : verifyCommand(at.file, at.kernel)
        }
      />
      <Copy
        label="Copy as test"
        text={() =>
          verifyTest(
            at.file,
            at.program,
            ok ? undefined : (explanation?.kernel ?? errno),
            at.kernel,
          )
        }
      />
    </div>
  );
}

/** The verdict is not of what is in the editor. */
function isEdited(file: string): boolean {
  const source = sourceOf(file);
  return source !== undefined && drafts.value.has(source.name);
}

function Banner({ explanation }: { readonly explanation: Explanation }) {
  const { problem, kernel, steps, advice, at } = explanation;
  return (
    <section class="banner" aria-label="Why it was rejected">
      <p class="problem">{problem}</p>
      <p class="kernel">
        The kernel says: <code>{kernel}</code>
      </p>
      <ol class="path">
        {steps.map((step) => (
          <li key={`${step.insn} ${step.what}`}>
            <button type="button" onClick={() => selectInsn(step.insn)}>
              <span class="number">{step.insn}</span> {step.what}
              {step.value && <code>{step.value}</code>}
            </button>
          </li>
        ))}
        <li>
          <button type="button" class="final" onClick={() => selectInsn(at.insn)}>
            <span class="number">{at.insn}</span> <code>{at.text}</code> is refused
          </button>
        </li>
      </ol>
      {advice.map((line) => (
        <p class="advice" key={line}>
          {line}
        </p>
      ))}
      <Fixes />
    </section>
  );
}

function LogPane({ verdict }: { readonly verdict: Verdict }) {
  const at = route.value;
  if (at.screen !== 'code') return null;
  const { file, program, kernel } = at;
  const pages = usePages(`${file}\n${program}\n${kernel}`, (from, to) =>
    engine.log(file, program, from, to, kernel),
  );
  return (
    <Pane title="Log of the verifier" extra={<Tabs />}>
      <List
        id="log"
        label={`Log, ${grouped(verdict.logLines)} lines`}
        count={verdict.logLines}
        selected={-1}
        onWindow={pages.want}
      >
        {(i) => (
          <code class="log-line">{pages.row(i) || <span class="hidden">empty line</span>}</code>
        )}
      </List>
    </Pane>
  );
}
