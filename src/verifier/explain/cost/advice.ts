/** What would lower the cost, in words: from what was counted, never from the names of things. */
import type { LineInfo } from '../../types.ts';
import type { ExplainedInsn } from '../types.ts';
import type { CostProfile, FunctionCost, LoopCost, MissCost } from './types.ts';

/** Below this share of the work, nothing is advised. */
const WORTH_IT = 0.1;
/** A loop of fewer rounds is not worth another shape. */
const MANY_ROUNDS = 8;
/** A function that is walked at fewer calls is not worth another contract. */
const MANY_CALLS = 3;
/** Reasons of misses that are spoken about. */
const SPOKEN_MISSES = 3;
/** Programs with less work than that need no advice. */
const SMALL = 2000;

type Counted = Omit<CostProfile, 'advice'>;

/** Advice on a profile, the most rewarding first. */
export function adviceOn(profile: Counted): string[] {
  if (profile.stats.processed < SMALL) return [];
  return [
    ...profile.functions.flatMap((one) => onFunction(profile, one)),
    ...profile.loops.slice(0, 2).flatMap((one) => onLoop(profile, one)),
    ...worthSaying(profile).flatMap((one) => onMiss(profile, one)),
  ];
}

function isWorthIt({ stats }: Counted, processed: number): boolean {
  return processed >= stats.processed * WORTH_IT;
}

function onFunction(profile: Counted, one: FunctionCost): string[] {
  if (one.kind !== 'static' || one.callsites < MANY_CALLS) return [];
  if (!isWorthIt(profile, one.total)) return [];
  return [
    `${one.name} is walked again at each of its ${one.callsites} calls, ${one.entered} times in ` +
      'all. A global function (not static, not inlined) is verified once for all calls, if it ' +
      'takes only numbers, the context, and pointers to things of a fixed size.',
  ];
}

function onLoop(profile: Counted, loop: LoopCost): string[] {
  const rounds = Math.round(loop.rounds / Math.max(1, loop.entered)) + 1;
  if (rounds < MANY_ROUNDS || !isWorthIt(profile, loop.processed)) return [];
  const where = `The loop at ${placeText(loop.at)}`;
  if (loop.iterator) {
    return [
      `${where} is driven by an iterator and still takes ${rounds} rounds: something changes in ` +
        'every round and has to be exact. Let only the iterator count, and limit an index where ' +
        'it is used.',
    ];
  }
  return [
    `${where} is walked round by round, about ${rounds} rounds each time. With bpf_for() or ` +
      'bpf_loop() its body is walked a few times, however many rounds it runs.',
  ];
}

/** Reasons that count: what only follows from another miss goes with it. */
function worthSaying({ misses, comparisons }: Counted): MissCost[] {
  const least = comparisons.missed * 0.02;
  const seen = new Set<string>();
  const said: MissCost[] = [];
  for (const miss of misses) {
    const about = `${miss.kind} ${miss.place} ${miss.precise?.insn}`;
    if (miss.count < least || seen.has(about)) continue;
    seen.add(about);
    said.push(miss);
    if (said.length === SPOKEN_MISSES) break;
  }
  return said;
}

function onMiss(profile: Counted, miss: MissCost): string[] {
  const help = helpFor(profile, miss);
  return help ? [`${help} (${miss.count} failed comparisons at ${placeText(miss.at)}.)`] : [];
}

function helpFor(profile: Counted, miss: MissCost): string | undefined {
  const { place, precise } = miss;
  const need = precise ? ` for ${placeText(precise)}` : '';
  switch (miss.kind) {
    case 'range':
      return isCounter(profile, miss)
        ? `${place} is another number in every round of the loop (${miss.old}, ${miss.current}) ` +
            `and has to be exact${need}, so every round is a new state. Count with bpf_for() or ` +
            'bpf_loop(), or limit the number where it is used.'
        : `${place} holds other numbers on other paths (${miss.old}, ${miss.current}) and has to ` +
            `be exact${need}. Limit or mask it right there (\`if (n > MAX) return 0;\`, ` +
            '`n &= MASK`), and do not compute it from what branches decided.';
    case 'type':
      return (
        `${place} is of another type on some paths (${miss.old}, ${miss.current}). Deal with the ` +
        'missing or other case where it comes up, or give the variable a value of one type on ' +
        'all paths.'
      );
    case 'pointer':
      return (
        `${place} leads to another place on every path. Keep a number instead and add it to the ` +
        'pointer where the access is.'
      );
    case 'slot':
      return (
        `${place} is written in other ways on some paths (${miss.old}, ${miss.current}). ` +
        'Initialise the variable where it is declared, in the innermost block that uses it.'
      );
    case 'packet':
      return (
        `${place} is known for fewer bytes on some paths. Check the length of the packet once, ` +
        'before the branches.'
      );
    case 'references':
      return 'A reference is held on some paths only. Release it before the branches meet again.';
    case 'lock':
      return 'A lock is held on some paths only. Release it before the branches meet again.';
    case 'ids':
      return (
        `${place} is a copy of another value on some paths only. A copy made behind the branches ` +
        'would be the same on all of them.'
      );
    default:
      return undefined;
  }
}

/** Both were constants, in a loop that no iterator ends. */
function isCounter(profile: Counted, { loop, old, current }: MissCost): boolean {
  const isNumber = (text: string) => /^-?(0x)?[0-9a-f]+$/.test(text);
  return loop >= 0 && !profile.loops[loop]!.iterator && isNumber(old) && isNumber(current);
}

/** 'line 12', 'instruction 41'. */
function placeText({ insn, line }: ExplainedInsn): string {
  return line ? `${fileOf(line)}:${line.line}` : `instruction ${insn}`;
}

function fileOf({ file }: LineInfo): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
