import { FormatError } from '../../base/index.ts';
import type { Input, InputSection } from './input.ts';
import type { Output } from './output.ts';

/** Appends what `.BTF.ext` says of an input's instructions: functions, lines, CO-RE places. */
export function appendExt(output: Output, input: Input): void {
  const { ext } = input;
  if (!ext) return;
  const homes = new Homes(input);
  for (const record of ext.functions) {
    const { offset, target } = homes.of(record.section);
    const type = newType(input, record.type);
    target.functions.push({ ...record, offset: record.offset + offset, type });
  }
  for (const record of ext.lines) {
    const { offset, target } = homes.of(record.section);
    target.lines.push({ ...record, offset: record.offset + offset });
    output.texts.add(record.file).add(record.text);
  }
  for (const record of ext.coreRelocations) {
    const { offset, target } = homes.of(record.section);
    const type = newType(input, record.type);
    target.coreRelocations.push({ ...record, offset: record.offset + offset, type });
    output.texts.add(record.access);
  }
}

function newType({ typeIds }: Input, id: number): number {
  const type = typeIds[id]!;
  if (type !== 0 || id === 0) return type;
  throw new FormatError('BTF.ext', 0, `a record is about type ${id}, which was left out`);
}

/** Where the sections of an input are now, by name. */
class Homes {
  readonly #byName = new Map<string, InputSection>();

  constructor(input: Input) {
    for (const section of input.sections) {
      if (!this.#byName.has(section.name)) this.#byName.set(section.name, section);
    }
  }

  of(name: string) {
    const home = this.#byName.get(name);
    if (!home?.output || home.duplicate) {
      throw new FormatError('BTF.ext', 0, `there is no code in '${name}'`);
    }
    return { offset: home.offset, target: home.output };
  }
}
