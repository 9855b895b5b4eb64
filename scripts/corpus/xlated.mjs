/**
 * Rewritten programs: a form in which ours and the kernel's can be compared, and the text that the
 * patterns of `__xlated` are searched in.
 */
import { createHash } from 'node:crypto';

const LD_IMM64 = 0x18;
const CALL = 0x85;
const MOV = 0xb7;
const SHIFT = 0x67;
/** The register only the kernel uses. */
const AX = 11;

/**
 * Lines of a rewritten program (`Xlated`): fields of the instructions, names where the kernel has
 * addresses; then where functions and source lines start.
 */
export function ourForm({ decodeCode }, xlated) {
  const code = decodeCode(xlated.insns);
  const lines = linesOf(code, (i) => {
    if (xlated.calls.has(i)) return xlated.calls.get(i);
    return xlated.addresses.has(i) ? 'address' : undefined;
  });
  const functions = xlated.subprograms.map(({ start }) => start);
  return [...lines, ...places(functions, xlated.lines)].join('\n');
}

/**
 * The same of what a kernel showed (see scripts/vm/xlated.mjs); which loads are addresses, and which of
 * several names of a function counts, is taken from ours.
 */
export function kernelForm({ decodeCode }, answer, xlated) {
  const code = decodeCode(new Uint8Array(Buffer.from(answer.insns, 'base64')));
  const lines = linesOf(code, (i) => {
    const names = answer.calls[i];
    if (names) return names.find((name) => name === xlated.calls.get(i)) ?? names[0];
    if (code.op[i] !== LD_IMM64) return undefined;
    if (isMap(code, i)) code.imm[i] = answer.maps.indexOf(code.imm[i]) + 1;
    return xlated.addresses.has(i) && (code.imm[i] || code.imm[i + 1]) ? 'address' : undefined;
  });
  // Without BTF the kernel does not tell; a function that nobody wrote is never told of.
  const ours = xlated.subprograms.map(({ start }) => start);
  const told = answer.functions.length;
  const functions = told > 0 ? [...answer.functions, ...ours.slice(told)] : ours;
  const marked =
    told > 0 || answer.lines.length > 0 ? answer.lines : xlated.lines.map((one) => one.insn);
  return [
    ...lines,
    ...places(
      functions,
      marked.map((insn) => ({ insn })),
    ),
  ].join('\n');
}

function places(functions, lines) {
  return [`functions ${functions.join(' ')}`, `lines ${lines.map(({ insn }) => insn).join(' ')}`];
}

const isMap = (code, i) => code.op[i] === LD_IMM64 && (code.src[i] === 1 || code.src[i] === 2);

/** `nameOf`: what stands in the place of the constant, if it is an address. */
function linesOf(code, nameOf) {
  const lines = [];
  for (let i = 0; i < code.length; i++) {
    const name = nameOf(i);
    const { op, dst, src, off, imm } = code;
    const constant = name ?? (isRandom(code, i) ? 'random' : imm[i]);
    lines.push([op[i], dst[i], src[i], off[i], constant].join(' '));
    if (op[i] !== LD_IMM64) continue;
    i++;
    lines.push(name ? 'address' : `high ${imm[i]}`);
  }
  return lines;
}

/** The value BPF_F_TEST_RND_HI32 puts into upper halves. */
const isRandom = ({ op, dst, imm }, i) =>
  op[i] === MOV && dst[i] === AX && op[i + 1] === SHIFT && dst[i + 1] === AX && imm[i + 1] === 32;

/** A hash that is short enough to be recorded by the thousand. */
export const formHash = (form) => createHash('sha256').update(form).digest('hex').slice(0, 16);

/** What the kernel's test driver makes of a rewritten program: one instruction a line. */
export function driverText({ decodeCode, kernelText, helperName }, xlated) {
  const code = decodeCode(xlated.insns);
  const options = {
    // Only tail calls still have a helper's number.
    helper: (id) => (id > 0 ? `bpf_${helperName(id)}` : undefined),
    callee: (_, at) => (code.src[at] === 1 ? signed(code.off[at]) : undefined),
  };
  const lines = [];
  for (let i = 0; i < code.length; i++) {
    const text = kernelText(code, i, options).slice('(00) '.length);
    lines.push(`${i}: ${code.op[i] === CALL ? text.replace(/#[^#]*$/, '') : text}`);
    if (code.op[i] === LD_IMM64) i++;
  }
  return `${lines.join('\n')}\n`;
}

const signed = (number) => (number < 0 ? String(number) : `+${number}`);

/**
 * How many of the patterns are found, in order: each on the line behind the last one's, unless `...`
 * stands between them.
 */
export function patternsMet(text, patterns, compilePattern) {
  const all = patterns.filter((pattern) => pattern !== '...').length;
  let at = 0;
  let line = -1;
  let next = true;
  let met = 0;
  for (const pattern of patterns) {
    if (pattern === '...') {
      next = false;
      continue;
    }
    const match = compilePattern(pattern).exec(text.slice(at));
    if (!match) return { met, all, missing: pattern };
    const start = at + match.index;
    const found = text.slice(0, start).split('\n').length - 1;
    if (next && line >= 0 && found !== line + 1) return { met, all, missing: pattern };
    [line, next, at] = [found, true, start + match[0].length];
    met++;
  }
  return { met, all };
}
