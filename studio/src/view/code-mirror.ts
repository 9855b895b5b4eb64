/** CodeMirror for C: texts with their history by name, and the one of them that is shown. */
import {
  defaultKeymap,
  history,
  isolateHistory,
  historyKeymap,
  indentWithTab,
  undo,
} from '@codemirror/commands';
import { cpp } from '@codemirror/lang-cpp';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { EditorState, RangeSet, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { changeOf, type Problem } from '../model/edits.ts';
import { setDraft } from '../store.ts';

/** What the keys of the editor do. */
export interface EditorActs {
  readonly compile: () => void;
  readonly leave: () => void;
  /** The cursor was moved to a line, from 1. */
  readonly onLine: (line: number) => void;
}

const states = new Map<string, EditorState>();
let shown:
  | { readonly name: string; readonly view: EditorView; readonly acts: EditorActs }
  | undefined;

/** The text of a source with its history, unless that is of another text. */
function stateOf(name: string, text: string): EditorState {
  const state = shown?.name === name ? shown.view.state : states.get(name);
  if (state?.doc.toString() === text) return state;
  return EditorState.create({ doc: text, extensions: extensionsFor(name, text) });
}

/** Shows a source in a root of its own; `end` takes it away and keeps its history. */
export function show(name: string, text: string, root: ShadowRoot, acts: EditorActs) {
  const view = new EditorView({ state: stateOf(name, text), parent: root, root });
  shown = { name, view, acts };
  const end = () => {
    states.set(name, view.state);
    if (shown?.view === view) shown = undefined;
    view.destroy();
  };
  return { view, end };
}

/** Brings a text into the view that was not written there. */
export function follow(view: EditorView, text: string): void {
  const before = view.state.doc.toString();
  if (before !== text) view.dispatch({ changes: changeOf(before, text) });
}

/** Line of the cursor, from 1. */
export function cursorLine(name: string): number | undefined {
  const state = shown?.name === name ? shown.view.state : states.get(name);
  return state?.doc.lineAt(state.selection.main.head).number;
}

/** Another text in the place of this one, as one step that can be undone; the cursor goes there. */
export function write(name: string, before: string, after: string): void {
  const state = stateOf(name, before);
  const changes = changeOf(before, after);
  // A change may begin with the end of the line before.
  const anchor =
    after.indexOf('\n', changes.from) === changes.from ? changes.from + 1 : changes.from;
  const change = state.update({
    changes,
    selection: { anchor },
    scrollIntoView: true,
    annotations: isolateHistory.of('full'),
  });
  take(name, change.state, () => shown?.view.dispatch(change));
}

/** False: there is nothing to undo. */
export function undoIn(name: string, text: string): boolean {
  const state = stateOf(name, text);
  return undo({
    state,
    dispatch: (change) => take(name, change.state, () => shown?.view.dispatch(change)),
  });
}

function take(name: string, state: EditorState, toView: () => void): void {
  if (shown?.name === name) return toView();
  states.set(name, state);
  setDraft(name, state.doc.toString());
}

/** Lines that are marked, from 1. */
interface Marks {
  readonly at?: number | undefined;
  readonly rejected?: number | undefined;
}

const setMarks = StateEffect.define<Marks>();
const atLine = Decoration.line({ class: 'cm-at' });
const rejectedLine = Decoration.line({ class: 'cm-rejected' });

const marks = StateField.define<RangeSet<Decoration>>({
  create: () => RangeSet.empty,
  update(old, { changes, effects, state }) {
    let now = old.map(changes);
    for (const effect of effects) {
      if (!effect.is(setMarks)) continue;
      const lines = [
        [effect.value.at, atLine],
        [effect.value.rejected, rejectedLine],
      ] as const;
      const ranges = lines.flatMap(([line, look]) =>
        line !== undefined && line <= state.doc.lines ? look.range(state.doc.line(line).from) : [],
      );
      now = RangeSet.of(ranges, true);
    }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Marks lines, and brings the one that is looked at into sight unless somebody writes. */
export function mark(view: EditorView, { at, rejected }: Marks): void {
  const line = at !== undefined && at <= view.state.doc.lines ? view.state.doc.line(at) : undefined;
  view.dispatch({
    effects: [
      setMarks.of({ at, rejected }),
      ...(line && !view.hasFocus ? [EditorView.scrollIntoView(line.from, { y: 'nearest' })] : []),
    ],
  });
}

/** Puts problems on their lines. */
export function tell(view: EditorView, problems: readonly Problem[]): void {
  const { doc } = view.state;
  const placed = problems.flatMap((problem): Diagnostic[] => {
    const { line, column = 1, severity, by, place } = problem;
    if (line === undefined || line > doc.lines) return [];
    const { from: start, to: end, text } = doc.line(line);
    const indent = by === 'verifier' ? text.length - text.trimStart().length : column - 1;
    // What is missing at the end of a line is shown at its last letter.
    const from = Math.max(start, Math.min(start + indent, end - 1));
    const to = by === 'verifier' ? end : Math.min(end, from + wordAt(text.slice(from - start)));
    const message = place === undefined ? problem.text : `${problem.text} (${place})`;
    return [{ from, to, severity: severity === 'note' ? 'info' : severity, source: by, message }];
  });
  view.dispatch(setDiagnostics(view.state, placed));
}

const wordAt = (text: string): number => /^\w+|^./.exec(text)?.[0].length ?? 0;

/** A text that is seen for the first time begins with the line that is looked at. */
export function begin(view: EditorView, line: number): void {
  const { doc, selection } = view.state;
  if (selection.main.head !== 0 || line > doc.lines) return;
  const anchor = doc.line(line).from;
  const effects = EditorView.scrollIntoView(anchor, { y: 'center' });
  view.dispatch({ selection: { anchor }, effects });
}

/** Puts the cursor to a place, and the focus into the editor. */
export function goTo(view: EditorView, line: number, column = 1): void {
  if (line > view.state.doc.lines) return;
  const { from, to } = view.state.doc.line(line);
  const anchor = Math.min(to, from + column - 1);
  view.dispatch({ selection: { anchor }, scrollIntoView: true });
  view.focus();
}

function extensionsFor(name: string, text: string) {
  const act = (what: 'compile' | 'leave') => () => {
    shown?.acts[what]();
    return true;
  };
  return [
    keymap.of([
      { key: 'Mod-Enter', run: act('compile') },
      { key: 'Mod-s', run: act('compile'), preventDefault: true },
    ]),
    history(),
    lineNumbers(),
    lintGutter(),
    drawSelection(),
    highlightActiveLine(),
    indentOnInput(),
    bracketMatching(),
    indentUnit.of(/^\t/m.test(text) ? '\t' : '  '),
    cpp(),
    syntaxHighlighting(LOOK),
    marks,
    THEME,
    EditorView.contentAttributes.of({
      'aria-label': `C source of ${name}. Escape leaves the editor, Control Enter compiles.`,
      spellcheck: 'false',
      tabindex: '0',
    }),
    EditorView.updateListener.of(({ docChanged, selectionSet, transactions, state }) => {
      if (docChanged) setDraft(name, state.doc.toString());
      else if (selectionSet && transactions.some((one) => one.isUserEvent('select')))
        shown?.acts.onLine(state.doc.lineAt(state.selection.main.head).number);
    }),
    keymap.of([
      ...lintKeymap,
      ...historyKeymap,
      ...defaultKeymap,
      indentWithTab,
      { key: 'Escape', run: act('leave') },
    ]),
  ];
}

const LOOK = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.modifier], color: 'var(--violet)' },
  { tag: [tags.typeName, tags.standard(tags.typeName)], color: 'var(--violet)' },
  { tag: [tags.number, tags.bool, tags.character], color: 'var(--blue)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.comment], color: 'var(--soft)', fontStyle: 'italic' },
  { tag: [tags.processingInstruction, tags.macroName], color: 'var(--honey)' },
]);

const THEME = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--raised)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', fontSize: '12.5px', lineHeight: '20px' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '6px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': {
    color: 'var(--soft)',
    backgroundColor: 'var(--sunken)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine': { boxShadow: 'inset 0 0 0 1px var(--line)' },
  '.cm-at': { backgroundColor: 'var(--honey-wash)', boxShadow: 'inset 3px 0 var(--honey)' },
  '.cm-rejected': { backgroundColor: 'var(--bad-wash)', boxShadow: 'inset 3px 0 var(--bad)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { background: 'color-mix(in oklab, var(--blue) 28%, transparent)' },
  '&.cm-focused .cm-matchingBracket': {
    backgroundColor: 'transparent',
    outline: '1px solid var(--honey)',
  },
  '.cm-tooltip': {
    color: 'var(--ink)',
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line)',
    borderRadius: '6px',
  },
  '.cm-diagnostic': { font: '13px/1.45 system-ui, sans-serif', padding: '4px 10px' },
  '.cm-diagnosticSource': { fontSize: '11px', opacity: '1', color: 'var(--soft)' },
  '.cm-panels': { color: 'var(--ink)', backgroundColor: 'var(--sunken)' },
  '.cm-panel.cm-panel-lint ul [aria-selected]': {
    color: 'var(--ink)',
    backgroundColor: 'var(--honey-wash)',
  },
});
