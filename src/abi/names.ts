/**
 * Names and numbers: the words bpftool and libbpf print, which are the enum's words in lower case.
 */
import { extensionAttachTypes, extensionLinkTypes, extensionMapTypes } from './extensions.ts';
import { enums } from './generated/6.12/enums.ts';
import { errnos } from './generated/6.12/errno.ts';
import { helperNames } from './generated/6.12/helpers.ts';

/** A two-way table. Where two enumerators share a number, `name` gives the newer spelling. */
interface NameTable {
  name(id: number): string | undefined;
  id(name: string): number | undefined;
  readonly names: readonly string[];
}

function nameTable(entries: Readonly<Record<string, number>>, prefix: string): NameTable {
  const byName = new Map<string, number>();
  const byId = new Map<number, string>();
  for (const [key, id] of Object.entries(entries)) {
    if (!key.startsWith(prefix)) continue;
    const word = key.slice(prefix.length).toLowerCase();
    byName.set(word, id);
    if (!byId.get(id) || byId.get(id)!.endsWith('_deprecated')) byId.set(id, word);
  }
  return { name: (id) => byId.get(id), id: (name) => byName.get(name), names: [...byId.values()] };
}

const maps = nameTable({ ...enums.bpf_map_type, ...extensionMapTypes }, 'BPF_MAP_TYPE_');
const programs = nameTable(enums.bpf_prog_type, 'BPF_PROG_TYPE_');
const attaches = nameTable({ ...enums.bpf_attach_type, ...extensionAttachTypes }, 'BPF_');
const links = nameTable({ ...enums.bpf_link_type, ...extensionLinkTypes }, 'BPF_LINK_TYPE_');
const commands = nameTable(enums.bpf_cmd, 'BPF_');

/** BPF_MAP_TYPE_* → 'lru_hash'; 'type 99' for a number Linux does not have. */
export const mapTypeName = (id: number): string => maps.name(id) ?? `type ${id}`;
/** 'lru_hash' → BPF_MAP_TYPE_LRU_HASH. */
export const mapTypeId = (name: string): number | undefined => maps.id(name);
/** BPF_PROG_TYPE_* → 'sched_cls'; 'type 99' for a number Linux does not have. */
export const programTypeName = (id: number): string => programs.name(id) ?? `type ${id}`;
/** 'sched_cls' → BPF_PROG_TYPE_SCHED_CLS. */
export const programTypeId = (name: string): number | undefined => programs.id(name);
/** BPF_TCX_INGRESS → 'tcx_ingress'. */
export const attachTypeName = (id: number): string => attaches.name(id) ?? `type ${id}`;
export const attachTypeId = (name: string): number | undefined => attaches.id(name);
/** BPF_LINK_TYPE_XDP → 'xdp'. */
export const linkTypeName = (id: number): string => links.name(id) ?? `type ${id}`;
export const linkTypeId = (name: string): number | undefined => links.id(name);
/** BPF_MAP_CREATE → 'map_create'. */
export const commandName = (id: number): string => commands.name(id) ?? `command ${id}`;

const helperIds = new Map(helperNames.map((name, id) => [name, id]));

/** Number of helper ids, BPF_FUNC_unspec included: every id is below it. */
export const HELPER_COUNT = helperNames.length;
/** 1 → 'map_lookup_elem' (no `bpf_` prefix); undefined for a number Linux does not have. */
export const helperName = (id: number): string | undefined => helperNames[id];
/** 1 → 'bpf_map_lookup_elem', as programs and the kernel's texts have it. */
export function bpfHelperName(id: number): string | undefined {
  const name = helperName(id);
  return name && `bpf_${name}`;
}
/** 'map_lookup_elem' or 'bpf_map_lookup_elem' → 1. */
export const helperId = (name: string): number | undefined =>
  helperIds.get(name.startsWith('bpf_') ? name.slice(4) : name);

const errnoByNumber = new Map<number, string>();
for (const [code, number] of Object.entries(errnos)) {
  if (!errnoByNumber.has(number)) errnoByNumber.set(number, code);
}

/** 22 or -22 → 'EINVAL'; 'errno 999' for a number Linux does not have. */
export const errnoName = (number: number): string =>
  errnoByNumber.get(Math.abs(number)) ?? `errno ${Math.abs(number)}`;
/** 'EINVAL' → 22. */
export const errnoNumber = (code: string): number | undefined => errnos[code];
