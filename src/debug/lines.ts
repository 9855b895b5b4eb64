import type { ProgramImage } from '../engine/index.ts';
import { type Code, decodeCode, INSN_SIZE } from '../isa/index.ts';
import type { SourceLine } from '../object/types.ts';

/** Lines of a program by instruction. */
export interface Lines {
  /** The line an instruction comes from. */
  at(insn: number): SourceLine | undefined;
  /** Instructions at which the code of this line begins, or of the next line that has some. */
  startsOf(
    file: string,
    line: number,
  ): { readonly line: number; readonly insns: number[] } | undefined;
}

const known = new WeakMap<ProgramImage, Lines>();
const codes = new WeakMap<ProgramImage, Code>();

/** The instructions of a program, decoded once. */
export function codeOf(image: ProgramImage): Code {
  let code = codes.get(image);
  if (!code) codes.set(image, (code = decodeCode(image.insns)));
  return code;
}

/** The lines of a program, looked up once. */
export function linesOf(image: ProgramImage): Lines {
  let lines = known.get(image);
  if (!lines) known.set(image, (lines = index(image)));
  return lines;
}

function index({ lines, insns }: ProgramImage): Lines {
  const byInsn: (SourceLine | undefined)[] = [];
  lines.forEach((line, i) => {
    const end = lines[i + 1]?.insn ?? insns.length / INSN_SIZE;
    for (let insn = line.insn; insn < end; insn++) byInsn[insn] = line;
  });
  return {
    at: (insn) => byInsn[insn],
    startsOf(file, wanted) {
      const inFile = lines.filter((one) => sameFile(one.file, file) && one.line >= wanted);
      if (inFile.length === 0) return undefined;
      const line = Math.min(...inFile.map((one) => one.line));
      const insns = inFile.filter((one) => one.line === line).map((one) => one.insn);
      return { line, insns: [...new Set(insns)] };
    },
  };
}

/** 'x.bpf.c' is './src/x.bpf.c' and the other way round; '' is any file. */
function sameFile(a: string, b: string): boolean {
  if (b === '') return true;
  const parts = (path: string) => path.split('/').filter((part) => part !== '' && part !== '.');
  const [x, y] = [parts(a), parts(b)];
  const count = Math.min(x.length, y.length);
  return count > 0 && x.slice(-count).join('/') === y.slice(-count).join('/');
}
