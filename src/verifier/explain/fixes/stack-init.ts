import { BPF_DW } from '../../../isa/index.ts';
import { helperName } from '../../../abi/index.ts';
import type { SourceFix } from '../types.ts';
import type { Candidate, Maker } from './candidate.ts';
import { argument, type Failure, functionStart } from './failure.ts';
import { storeImm } from './insns.ts';
import { functionAt } from './leave.ts';
import { registerIn } from './snapshot.ts';
import { argumentsOf, isDeclaration, type Source, withoutComments } from './source.ts';

const MAX_STACK = 512;

/** Clears the bytes of the stack that are read, at the start of the function they belong to. */
export const stackInits: Maker = (failure, source) => {
  const range = bytesRead(failure);
  if (!range) return [];
  const [frame, from, to] = range;
  const first = Math.floor(from / 8) * 8;
  const start = functionStart(failure, frame);
  if (first < -MAX_STACK || to > 0) return [];
  const insns = [];
  for (let off = first; off < to; off += 8) insns.push(storeImm(BPF_DW, 10, off, 0));
  const name = objectName(failure, source);
  const candidate: Candidate = {
    kind: 'zero-init',
    title: `Clear ${name ? `\`${name.replace('&', '')}\`` : 'the variable'} before it is used.`,
    at: start,
    patch: { insertions: [{ at: start, insns, jumps: 'skip' }] },
    source: name ? clearSource(failure, source, name, start) : undefined,
  };
  return [candidate];
};

/** Frame, first byte and end of what is read, from the frame pointer. */
function bytesRead(failure: Failure): [frame: number, from: number, to: number] | undefined {
  const { state, reason } = failure;
  if (!state) return undefined;
  if (reason.code === 'stack.uninit_read') {
    const [off, , size] = reason.args.map(Number) as [number, number, number];
    return [state.current, off, off + size];
  }
  const pointer = registerIn(state, argument(failure, 1));
  const size = argument(failure, 4);
  const least = pointer.off + Number(pointer.smin);
  const most = pointer.off + Number(pointer.smax);
  return [pointer.frame, Math.max(least, -MAX_STACK), Math.min(most + size, 0)];
}

/** The object whose address is handed over: `&key`, or an array's name. */
function objectName({ code, insn, reason }: Failure, source: Source): string | undefined {
  const register = reason.code === 'stack.uninit_read' ? 0 : Number(reason.args[1]);
  const called = code.src[insn] === 0 ? helperName(code.imm[insn]!) : undefined;
  const text = source.at(insn)?.text ?? '';
  const given = called ? argumentsOf(text, `bpf_${called}`)?.[register - 1] : undefined;
  return given !== undefined && /^&?[A-Za-z_]\w*$/.test(given) ? given : undefined;
}

/** `memset` before the first statement that names the object. */
function clearSource(
  failure: Failure,
  source: Source,
  given: string,
  start: number,
): SourceFix | undefined {
  const name = given.replace('&', '');
  const named = new RegExp(`\\b${name}\\b`);
  const head = source.at(start);
  const [first] = failure.input.lineInfo
    .filter(({ insn }) => functionAt(failure, insn) === start)
    .filter(({ file, line }) => file === head?.file && line > head.line)
    .filter(({ text }) => named.test(withoutComments(text)))
    .sort((a, b) => a.line - b.line);
  if (!first || isInitialised(first.text, name)) return undefined;
  return source.before(first.insn, [`__builtin_memset(${given}, 0, sizeof(${name}));`]);
}

const isInitialised = (text: string, name: string): boolean =>
  isDeclaration(text) && new RegExp(`\\b${name}\\b(\\[.*\\])?\\s*=`).test(text);
