import type { ObjGetInfoByFdAttr, UserMemory } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';
import { programInfo, sanitized } from './program-info.ts';
import {
  checkTail,
  putStruct,
  structEnd,
  structNumber,
  structSize,
  type StructValues,
} from './structs.ts';
import { u32s, userBytes } from './values.ts';

/** BPF_OBJ_GET_INFO_BY_FD */
export function objGetInfoByFd(process: Process, attr: ObjGetInfoByFdAttr): number {
  const file = process.file(attr.bpfFd) ?? refuse('EBADFD', `${attr.bpfFd} is not open`);
  switch (file.kind) {
    case 'prog':
      return programInfoByFd(process, process.get(attr.bpfFd, 'prog'), attr);
    case 'map':
      return plainInfo('bpf_map_info', attr, mapInfo(process.get(attr.bpfFd, 'map')), false);
    case 'btf':
      return btfInfoByFd(process.get(attr.bpfFd, 'btf'), attr);
    case 'link':
      return plainInfo('bpf_link_info', attr, linkInfo(process.get(attr.bpfFd, 'link')), true);
    default:
      return refuse('EINVAL', 'the descriptor is of no object');
  }
}

/** What is not longer than the struct of the caller, and how much of that is there. */
function plainInfo(
  name: string,
  attr: ObjGetInfoByFdAttr,
  values: StructValues,
  readsFirst: boolean,
): number {
  checkTail(attr.info, structSize(name), attr.infoLen);
  const length = Math.min(structSize(name), attr.infoLen);
  const own = new Uint8Array(structSize(name));
  const given = userBytes(attr.info, length);
  if (readsFirst) own.set(given);
  putStruct(name, own, values);
  given.set(own.subarray(0, length));
  attr.infoLen = length;
  return 0;
}

/** What bpf_map_info says, by the kernel's names. */
export function mapInfo(map: MachineMap): StructValues {
  const { spec, btf, flags } = map;
  return {
    type: spec.typeId,
    id: map.id,
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: flags,
    map_extra: spec.extra,
    name: spec.name.slice(0, 15),
    ...(btf && {
      btf_id: btf.id,
      btf_key_type_id: spec.keyTypeId,
      btf_value_type_id: spec.valueTypeId,
    }),
  };
}

/** What bpf_link_info says. */
export function linkInfo(link: MachineLink): StructValues {
  return { type: link.type, id: link.id, prog_id: link.program.id, ...link.info() };
}

function btfInfoByFd(btf: BtfObject, attr: ObjGetInfoByFdAttr): number {
  const name = 'bpf_btf_info';
  checkTail(attr.info, structSize(name), attr.infoLen);
  const length = Math.min(structSize(name), attr.infoLen);
  const given = userBytes(attr.info, length);
  const own = new Uint8Array(structSize(name));
  own.set(given);
  const number = (key: string): bigint => structNumber(name, own, key);
  const room = Number(number('btf_size'));
  const [text, textRoom] = [number('name'), Number(number('name_len'))];
  if (room > 0) copyOut(attr.memory, number('btf'), btf.bytes, room);
  if ((text !== 0n) !== textRoom > 0) refuse('EINVAL', 'a name has room and its size');
  const bytes = new TextEncoder().encode(`${btf.name}\0`);
  const cut = text !== 0n && textRoom < bytes.length;
  if (text !== 0n) {
    const part = cut ? bytes.slice(0, textRoom) : bytes;
    part[part.length - 1] = 0;
    copyOut(attr.memory, text, part, part.length);
  }
  putStruct(name, own, {
    id: btf.id,
    btf_size: btf.bytes.length,
    kernel_btf: btf.kernel ? 1 : 0,
    name_len: bytes.length - 1,
  });
  given.set(own.subarray(0, length));
  attr.infoLen = length;
  return cut ? refuse('ENOSPC', 'the name is longer') : 0;
}

/** As much as there is room for, to an address. */
function copyOut(
  memory: UserMemory | undefined,
  address: bigint,
  bytes: Uint8Array,
  room: number,
): void {
  const size = Math.min(room, bytes.length);
  if (size > 0) userBytes(memory?.at(address), size).set(bytes.subarray(0, size));
}

function programInfoByFd(
  process: Process,
  program: MachineProgram,
  attr: ObjGetInfoByFdAttr,
): number {
  const name = 'bpf_prog_info';
  checkTail(attr.info, structEnd(name), attr.infoLen);
  const length = Math.min(structSize(name), attr.infoLen);
  const given = userBytes(attr.info, length);
  const own = new Uint8Array(structSize(name));
  own.set(given);
  for (const [count, size, known] of RECORDS) {
    const [records, bytes] = [
      structNumber(name, own, count),
      Number(structNumber(name, own, size)),
    ];
    if ((records !== 0n || bytes !== 0) && bytes !== known) refuse('EINVAL', size);
  }
  const bare = !process.bpfCapable('CAP_BPF');
  for (const [count, address, elements] of arraysOf(process, program)) {
    if (bare && count !== 'nr_map_ids') break;
    const room = Number(structNumber(name, own, count)) * elements.size;
    copyOut(attr.memory, structNumber(name, own, address), elements.bytes(room), room);
  }
  const tags = structNumber(name, own, 'nr_prog_tags');
  putStruct(name, own, programInfo(process.machine, program));
  if (bare) putStruct(name, own, { ...HIDDEN, nr_prog_tags: tags });
  given.set(own.subarray(0, length));
  attr.infoLen = length;
  return 0;
}

/** What nobody without CAP_BPF is told. */
const HIDDEN: StructValues = {
  jited_prog_len: 0,
  xlated_prog_len: 0,
  nr_jited_ksyms: 0,
  nr_jited_func_lens: 0,
  nr_func_info: 0,
  nr_line_info: 0,
  nr_jited_line_info: 0,
};

/** Sizes of records that callers must know. */
const RECORDS = [
  ['nr_func_info', 'func_info_rec_size', 8],
  ['nr_line_info', 'line_info_rec_size', 16],
  ['nr_jited_line_info', 'jited_line_info_rec_size', 8],
] as const;

interface Elements {
  readonly size: number;
  /** Only asked for its bytes where there is room. */
  bytes(room: number): Uint8Array;
}

type InfoArray = readonly [count: string, address: string, elements: Elements];

/** What is copied to addresses in bpf_prog_info: member with the room, with the address. */
function arraysOf({ machine }: Process, program: MachineProgram): InfoArray[] {
  const { input } = program.parts;
  const words = (size: number, values: () => readonly number[]): Elements => ({
    size,
    bytes: (room) => (room === 0 ? new Uint8Array(0) : u32s(values())),
  });
  const tag = (): Uint8Array =>
    Uint8Array.from(program.tag.match(/../g)!, (hex) => parseInt(hex, 16));
  return [
    ['nr_map_ids', 'map_ids', words(4, () => program.maps.map(({ id }) => id))],
    ['xlated_prog_len', 'xlated_prog_insns', { size: 1, bytes: () => sanitized(machine, program) }],
    [
      'nr_func_info',
      'func_info',
      words(8, () => (input?.functionInfo ?? []).flatMap((one) => [one.insn, one.typeId])),
    ],
    ['nr_prog_tags', 'prog_tags', { size: 8, bytes: tag }],
  ];
}
