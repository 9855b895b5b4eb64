import { FormatError } from '../../base/index.ts';
import { appendExt } from './ext.ts';
import { finish } from './finish.ts';
import type { Input, LinkInput } from './input.ts';
import { inFile, LinkError } from './link-error.ts';
import { Output } from './output.ts';
import { inTypes, readInput } from './read-input.ts';
import { appendRelocations } from './relocations.ts';
import { appendSections } from './sections.ts';
import { appendSymbols } from './symbols.ts';
import { appendTypes } from './types.ts';

/** Room that alignment may take beyond the sizes of the inputs. */
const SPARE_ROOM = 4 << 20;

/**
 * Links BPF objects into one, as `bpftool gen object` of Linux 6.12 does (libbpf's linker.c): code
 * and data of sections of one name are put one after the other, global names are resolved, types
 * and debug information are merged. DWARF is left out. Externs that no input defines stay externs.
 * A single input is brought into the same form. The same inputs in the same order give the same
 * bytes.
 *
 * The bytes are those bpftool of 6.12 writes, but where what it writes can not be loaded or it
 * refuses for no reason of the inputs:
 * - a variable or map declared before its definition is listed in BTF where it is defined (libbpf
 *   leaves the place of the declaration, and gets it right when its output is linked once more);
 * - a weak variable may lose to a strong one in another section;
 * - a kernel function or typeless kernel variable may be used by several inputs;
 * - an extern map that no input defines stays an extern, and a later link can define it;
 * - a name declared to be the kernel's is not defined by an input, in either order;
 * - big-endian inputs are linked.
 *
 * Throws `LinkError` if the inputs do not go together, `FormatError` if one is broken; both name
 * the input.
 *
 * @example
 * const linked = linkObjects([
 *   { name: 'main.bpf.o', bytes: main },
 *   { name: 'library.bpf.o', bytes: library },
 * ]);
 * const object = parseObject(linked);
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  const [first] = inputs;
  if (!first) throw new FormatError('link', 0, 'there is nothing to link');
  let output: Output | undefined;
  for (const each of inputs) {
    const input = readInput(each);
    output ??= new Output(input.elf.littleEndian, roomFor(inputs));
    checkByteOrder(output, input, first.name);
    append(output, input);
  }
  // What fits each input's fields may not fit when it is added up.
  return inFile('the linked object', () => finish(output!));
}

function roomFor(inputs: readonly LinkInput[]): number {
  return inputs.reduce((room, { bytes }) => room + bytes.length, SPARE_ROOM);
}

function checkByteOrder(output: Output, { name, elf }: Input, first: string): void {
  if (elf.littleEndian === output.littleEndian) return;
  const order = (little: boolean): string => `${little ? 'little' : 'big'}-endian`;
  const reason = `is ${order(elf.littleEndian)}, ${first} is ${order(output.littleEndian)}`;
  throw new LinkError(name, 5, reason, 'Compile all inputs for one byte order.');
}

function append(output: Output, input: Input): void {
  inFile(input.name, () => {
    appendSections(output, input);
    appendSymbols(output, input);
    appendRelocations(output, input);
    inTypes(input, () => appendTypes(output, input));
    appendExt(output, input);
  });
}
