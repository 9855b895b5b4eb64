/** What a program becomes when it is loaded: rewritten by the verifier, and compiled. */
import {
  createMachine,
  insnsOf,
  type KernelProfile,
  type ObjectFile,
  type ProgramSpec,
  xlatedListing,
} from 'beeyard';
import { keepingEngine, wasmFunctions } from 'beeyard/debug';
import type { CodeRow } from '../protocol.ts';

/** Instructions as the kernel keeps them. Throws VerifierError. */
export async function xlatedRows(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: KernelProfile,
): Promise<CodeRow[]> {
  const listing = await xlatedListing(object, program, { unprivileged: false, kernel });
  let line: CodeRow['line'];
  return Array.from(insnsOf(listing), (insn) => {
    const found = listing.lines.get(insn);
    if (found) line = { file: found.file, line: found.line };
    return { insn, text: listing.text(insn), line, function: listing.proto.get(insn) };
  });
}

/** The WebAssembly it is compiled to; instructions by the byte they are at. */
export async function wasmRows(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: KernelProfile,
): Promise<CodeRow[]> {
  let bytes: Uint8Array = new Uint8Array();
  const engine = keepingEngine((name, module) => {
    if (name === program.name) bytes = module;
  });
  using host = await createMachine({ engine, kernel });
  await host.load(object, { programs: [program.name] });
  return wasmFunctions(bytes).flatMap(({ name, insns }) =>
    insns.map(({ offset, depth, text }, i) => ({
      insn: offset,
      text: `${'  '.repeat(depth)}${text}`,
      function: i === 0 ? name : undefined,
    })),
  );
}
