import { FormatError } from '../../base/index.ts';
import type { Input, InputSection } from './input.ts';
import type { Output, OutputSection } from './output.ts';

/** A record of `.BTF.ext`: about byte `offset` of a section. */
interface Place {
  readonly section: string;
  readonly offset: number;
}

/** Appends what `.BTF.ext` says of an input's instructions: functions, lines, CO-RE places. */
export function appendExt(output: Output, input: Input): void {
  const { ext } = input;
  if (!ext) return;
  const homes = new Map<string, InputSection>();
  for (const section of input.sections) {
    if (!homes.has(section.name)) homes.set(section.name, section);
  }
  for (const record of ext.functions) {
    const { section, ...place } = move(input, homes, record);
    section.functions.push({ ...record, ...place, type: input.typeIds[record.type]! });
  }
  for (const record of ext.lines) {
    const { section, ...place } = move(input, homes, record);
    section.lines.push({ ...record, ...place });
    output.texts.add(record.file).add(record.text);
  }
  for (const record of ext.coreRelocations) {
    const { section, ...place } = move(input, homes, record);
    section.coreRelocations.push({ ...record, ...place, type: input.typeIds[record.type]! });
    output.texts.add(record.access);
  }
}

function move(
  input: Input,
  homes: ReadonlyMap<string, InputSection>,
  { section: name, offset }: Place,
): { section: OutputSection; offset: number } {
  const home = homes.get(name);
  if (!home?.output || home.duplicate) {
    throw new FormatError('BTF.ext', 0, `${input.name}: there is no code in '${name}'`);
  }
  return { section: home.output, offset: offset + home.offset };
}
