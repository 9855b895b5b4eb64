/** Fixes that the verifier said yes to, in the banner; `f` puts one into the source. */
import { effect, signal } from '@preact/signals';
import type { FixPart, VerifiedFix } from 'beeyard/verify';
import { patchOf } from '../model/fixes.ts';
import { engine } from '../rpc.ts';
import { code, compiles, into, type Loaded, NONE, notice, route, sourceOf } from '../store.ts';
import { Copy, grouped } from './parts.tsx';

const fixes = signal<Loaded<readonly VerifiedFix[]>>(NONE);
/** Number of the fix that is shown in the source; -1: none. */
const shown = signal(-1);

/** The fix that is shown in the source. */
export function shownFix(): VerifiedFix | undefined {
  return fixes.value.state === 'ready' ? fixes.value.value[shown.value] : undefined;
}

let asked: unknown;

/** Looked for once it is known that a program is rejected. */
effect(() => {
  const [at, program] = [route.value, code.value];
  if (at.screen !== 'code' || program.state !== 'ready' || program.value === asked) return;
  asked = program.value;
  shown.value = -1;
  fixes.value = NONE;
  if (program.value.verdict.ok) return;
  const { value } = program;
  const wanted = engine.fixes(at.file, at.program, sourceOf(at.file), at.kernel);
  void into(fixes, wanted, () => asked === value);
});

/**
 * Puts a fix into the source and compiles it. Where that cannot be, the next fix is shown between
 * the lines and put on the clipboard; after the last one none.
 */
export async function applyFix(number = shown.value + 1): Promise<void> {
  if (fixes.value.state !== 'ready') return;
  const fix = fixes.value.value[number];
  shown.value = fix ? number : -1;
  if (!fix) return;
  const { applyToSource, STATIC } = await import('../editing.ts');
  const problem = await applyToSource(fix);
  if (problem === undefined && compiles.value) return;
  const text = textOf(fix);
  const why = problem === undefined ? `put into the text. ${STATIC}` : `not put in: ${problem}`;
  try {
    await navigator.clipboard.writeText(text);
    notice.value = `${wordOf(text)} copied: ${fix.title} (${why})`;
  } catch {
    notice.value = `${fix.title} (${why})`;
  }
}

/** A patch where the whole source is open and the fix is one place in it; else its lines. */
function textOf(fix: VerifiedFix): string {
  const at = route.value;
  const source = at.screen === 'code' ? sourceOf(at.file) : undefined;
  const only = fix.also.length === 0 ? fix.source : undefined;
  const patch = source && only && patchOf(source.name, source.text, only);
  return patch ?? [fix, ...fix.also].map(linesOf).join('\n');
}

const wordOf = (text: string): string => (text.startsWith('---') ? 'patch' : 'fix');

function linesOf({ source, insns, at, title }: FixPart): string {
  const lines = source?.lines ?? insns;
  const place = source ? `${source.file}:${source.line}` : `instruction ${at.insn}`;
  return [`// ${title} (${source?.insert ?? 'before'} ${place})`, ...lines].join('\n');
}

export function Fixes() {
  const loaded = fixes.value;
  if (loaded.state === 'loading') return <p class="note">Trying fixes …</p>;
  if (loaded.state !== 'ready' || loaded.value.length === 0) return null;
  return (
    <ul class="fixes" aria-label="Fixes with which it is accepted">
      {loaded.value.map((fix, i) => (
        <li key={fix.title}>
          <button
            type="button"
            aria-pressed={shown.value === i}
            onClick={() => void applyFix(shown.value === i ? loaded.value.length : i)}
          >
            {i === 0 && <kbd aria-hidden="true">f</kbd>} {fix.title}
            {fix.source && <code>{fix.source.lines.join(' ').trim()}</code>}
          </button>{' '}
          <Copy label={`Copy ${wordOf(textOf(fix))}`} text={() => textOf(fix)} />{' '}
          <span class="note">
            accepted with it, {grouped(fix.stats.processed)} instructions walked
          </span>
        </li>
      ))}
    </ul>
  );
}
