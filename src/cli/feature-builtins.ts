import {
  attachTypeName,
  enums,
  HELPER_COUNT,
  helperName,
  linkTypeName,
  mapTypeName,
  programTypeName,
} from '../abi/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

const listOf = (count: number, name: (id: number) => string | undefined): string[] =>
  Array.from({ length: count }, (_, id) => name(id) ?? `unknown ${id}`);

/** bpftool's groups, in its order, by number from 0. */
const GROUPS: Readonly<Record<string, () => string[]>> = {
  prog_types: () => listOf(enums.bpf_prog_type.__MAX_BPF_PROG_TYPE, programTypeName),
  map_types: () => listOf(enums.bpf_map_type.__MAX_BPF_MAP_TYPE, mapTypeName),
  attach_types: () => listOf(enums.bpf_attach_type.__MAX_BPF_ATTACH_TYPE, attachTypeName),
  link_types: () => listOf(enums.bpf_link_type.__MAX_BPF_LINK_TYPE, linkTypeName),
  helpers: () => listOf(HELPER_COUNT, (id) => `bpf_${helperName(id)}`),
};

/** `beeyard feature list_builtins`: the words of Linux 6.12, one a line, as bpftool lists them. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const given = call.operands[0]!;
  const known = Object.keys(GROUPS);
  const group = known.find((name) => name.startsWith(given));
  if (given === '' || group === undefined) {
    const list = known.join(', ');
    throw usageError(`list_builtins takes ${list}, not '${given}'${didYouMean(given, known)}`);
  }
  const names = GROUPS[group]!();
  io.out(call.json ? `${toJson(names, call.flag('pretty'))}\n` : `${names.join('\n')}\n`);
  return EXIT.ok;
}
