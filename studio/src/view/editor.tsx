/** The editor: C in the place of the source, compiled and verified as it is written. */
import { effect, untracked, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { EditorView } from '@codemirror/view';
import {
  compileEdited,
  edited,
  failure,
  isCompiling,
  isStale,
  problems,
  rejection,
  STATIC,
} from '../editing.ts';
import { problemText } from '../model/edits.ts';
import { studioCommand } from '../model/share.ts';
import { sameSource } from '../model/source.ts';
import { code, compiles, editorFocus, editorShown, go, route } from '../store.ts';
import { begin, follow, goTo, mark, show, tell } from './code-mirror.ts';
import './editor.css';
import { Copy, download, Empty, Pane } from './parts.tsx';

export default function Editor() {
  const source = edited.value;
  if (!source)
    return (
      <Pane title="Editor">
        <Empty>
          The source is not open, only the lines that the object knows: drop its .bpf.c here.
        </Empty>
      </Pane>
    );
  return <OpenEditor key={source.name} name={source.name} />;
}

/** The last request for the focus that was met. */
let focused = 0;

function OpenEditor({ name }: { readonly name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const compile = useRef<HTMLButtonElement>(null);
  const view = useRef<EditorView>(undefined);
  useEffect(() => {
    // CodeMirror's styles are its root's: none is written into the page, whose policy forbids it.
    const root = box.current!.shadowRoot ?? box.current!.attachShadow({ mode: 'open' });
    const shown = show(name, edited.peek()!.text, root, {
      compile: () => void compileEdited(),
      leave: () => compile.current?.focus(),
      onLine: selectLine,
    });
    view.current = shown.view;
    begin(shown.view, untracked(lineLookedAt) ?? 1);
    // At once, not with the next frame: the keys that follow are for the editor.
    const stop = effect(() => {
      if (editorFocus.value === focused) return;
      focused = editorFocus.value;
      shown.view.focus();
    });
    return () => {
      stop();
      shown.end();
    };
  }, [name]);
  useSignalEffect(() => {
    const { value } = edited;
    if (value?.name === name) follow(view.current!, value.text);
  });
  useSignalEffect(() => tell(view.current!, problems.value));
  useSignalEffect(() =>
    mark(view.current!, { at: lineLookedAt(), rejected: rejection.value?.line }),
  );
  return (
    <Pane title="Editor" class="editor" extra={<Buttons name={name} compile={compile} />}>
      <div ref={box} class="editor-text" />
      <Problems go={(line, column) => goTo(view.current!, line, column)} />
    </Pane>
  );
}

/** The line of the instruction that is looked at, while the source is that of the object. */
function lineLookedAt(): number | undefined {
  const [at, shown, source] = [route.value, code.value, edited.value];
  if (at.screen !== 'code' || shown.state !== 'ready' || !source || source.dirty) return undefined;
  const row = shown.value.rows.findLast(({ insn }) => insn <= at.insn);
  return row?.line && sameSource(row.line.file, source.name) ? row.line.line : undefined;
}

/** To the first instruction of a line. */
function selectLine(line: number): void {
  const [at, shown, source] = [route.value, code.value, edited.value];
  if (at.screen !== 'code' || shown.state !== 'ready' || !source || source.dirty) return;
  const { rows } = shown.value;
  const row = rows.find((one) => one.line?.line === line && sameSource(one.line.file, source.name));
  if (row) go({ ...at, insn: row.insn }, true);
}

/** Without one there is nothing to see but the editor. */
const isOfProgram = (): boolean => 'program' in route.value && route.value.program !== '';

function Buttons(props: {
  readonly name: string;
  readonly compile: preact.RefObject<HTMLButtonElement | null>;
}) {
  const source = edited.value;
  return (
    <>
      <span class="editor-name" title={props.name}>
        {props.name}
      </span>
      {source?.dirty && <span class="note">not compiled</span>}
      <span class="gap" />
      <span class="editor-buttons">
        <button
          type="button"
          ref={props.compile}
          aria-busy={isCompiling.value}
          aria-disabled={!compiles.value}
          title={compiles.value ? 'Ctrl+Enter, Ctrl+S' : STATIC}
          onClick={() => void compileEdited()}
        >
          {isCompiling.value ? 'Compiling …' : 'Compile'}
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => download(props.name.split('/').at(-1)!, edited.value!.text)}
        >
          Download C
        </button>
        {isOfProgram() && (
          <button type="button" class="quiet" onClick={() => (editorShown.value = false)}>
            Close <kbd aria-hidden="true">E</kbd>
          </button>
        )}
      </span>
    </>
  );
}

function Problems({ go: to }: { readonly go: (line: number, column?: number) => void }) {
  const source = edited.value;
  const { problem, hint } = failure.value ?? {};
  if (!compiles.value)
    return (
      <div class="problems">
        <p class="row-of-buttons">
          {STATIC} <Copy label="Copy as CLI" text={() => studioCommand(source!.name)} />
        </p>
      </div>
    );
  if (problems.value.length === 0 && problem === undefined) return null;
  return (
    <div class="problems">
      {problem !== undefined && (
        <p>
          <strong class="problem">{problem}</strong>{' '}
          <span class="note">{hint ?? (isStale.value && 'as it was compiled last')}</span>
        </p>
      )}
      <ul aria-label="Problems">
        {problems.value.map((one) => (
          <li key={problemText(one)} class={one.severity}>
            <button
              type="button"
              disabled={one.line === undefined}
              onClick={() => to(one.line!, one.column)}
            >
              {problemText(one)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
