import { gates } from '../gates.ts';
import {
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  classOf,
  INSN_TABLE,
  LD_IMM64,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { load } from '../messages/load.ts';
import { PTR_TO_FUNC } from '../state/layout.ts';
import type { VerifierMap } from '../types.ts';
import { resolveKernelSymbol } from './kernel-symbols.ts';
import { checkMapProgramCompatibility } from './map-program.ts';
import { ARENA_MAP, ARRAY_MAP, CGROUP_STORAGE_MAPS } from './program-kinds.ts';
import { isStaticKey } from './static-branches.ts';

const MODE_BITS = 0xe0;
const MAX_USED_MAPS = 64;
const BPF_MAX_VAR_OFF = 1 << 29;
const PAGE_SIZE = 4096;

/** Opcodes Linux knows (bpf_opcode_in_insntable). */
const KNOWN_OPCODES: ReadonlySet<number> = new Set(
  INSN_TABLE.filter(({ kind, refused }) => kind !== 'internal' && !refused).map(({ op }) => op),
);

/** Those of cpu=v4 that also older kernels took in: long jumps. */
const GOTOL = 0x06;
const OLDER_OPCODES: ReadonlySet<number> = new Set(
  INSN_TABLE.filter(({ op, cpu }) => KNOWN_OPCODES.has(op) && (cpu < 4 || op === GOTOL)).map(
    ({ op }) => op,
  ),
);

/**
 * Looks at every instruction once: opcodes, reserved fields, and what the pseudo loads name. Maps
 * are taken into `env.maps` in the order they are met. Mirrors resolve_pseudo_ldimm64.
 */
export function resolvePseudoLoads(env: VerifierEnv): void {
  const { op, imm } = env.code;
  const known = gates.cpuV4 ? KNOWN_OPCODES : OLDER_OPCODES;
  for (let i = 0; i < env.length; i++) {
    const code = op[i]!;
    if (classOf(code) === BPF_LDX) {
      const mode = code & MODE_BITS;
      const isKnown = mode === BPF_MEM || (mode === BPF_MEMSX && gates.cpuV4);
      if (!isKnown || imm[i] !== 0) {
        env.reject('EINVAL', load.ldx_reserved());
      }
    }
    if (code === LD_IMM64) resolveLoad(env, i++);
    else if (!known.has(code)) env.reject('EINVAL', load.unknown_opcode(code));
  }
}

function resolveLoad(env: VerifierEnv, insn: number): void {
  const { op, dst, src, off, imm } = env.code;
  const next = insn + 1;
  if (next >= env.length || op[next] || dst[next] || src[next] || off[next]) {
    env.reject('EINVAL', load.half_ld_imm64());
  }
  switch (src[insn]) {
    case 0:
      return;
    case BPF_PSEUDO_BTF_ID:
      return resolveKernelSymbol(env, insn);
    case BPF_PSEUDO_FUNC:
      env.aux.pointerType[insn] = PTR_TO_FUNC;
      return;
    case BPF_PSEUDO_MAP_VALUE:
      return resolveMap(env, insn);
    case BPF_PSEUDO_MAP_FD:
      if (imm[next] === 0) return resolveMap(env, insn);
      break;
    case BPF_PSEUDO_MAP_IDX:
      if (imm[next] === 0) env.reject('EPROTO', load.no_fd_array());
      break;
    case BPF_PSEUDO_MAP_IDX_VALUE:
      env.reject('EPROTO', load.no_fd_array());
      break;
    default:
  }
  env.reject('EINVAL', load.unknown_ld_imm64());
}

function resolveMap(env: VerifierEnv, insn: number): void {
  const { src, imm } = env.code;
  const map = env.input.maps[imm[insn]!];
  if (!map) env.reject(isOpenFile(imm[insn]!) ? 'EINVAL' : 'EBADF', load.no_map(imm[insn]!));
  const known = env.maps.indexOf(map);
  const index = known >= 0 ? known : addMap(env, map);
  env.aux.loadObject[insn] = index + 1;
  checkMapProgramCompatibility(env, map);
  if (src[insn] === BPF_PSEUDO_MAP_VALUE) checkDirectValue(env, insn, map);
  if (known < 0) checkNewMap(env, map, index);
}

/** Standard input and outputs: files every loader has, and no maps. */
const isOpenFile = (fd: number): boolean => fd >= 0 && fd <= 2;

function addMap(env: VerifierEnv, map: VerifierMap): number {
  if (env.maps.length >= MAX_USED_MAPS) env.reject('E2BIG', load.too_many_maps(MAX_USED_MAPS));
  return env.maps.push(map) - 1;
}

/** Maps with one value that stays where it is have addresses in it (map_direct_value_addr). */
function checkDirectValue(env: VerifierEnv, insn: number, map: VerifierMap): void {
  const offset = env.code.imm[insn + 1]! >>> 0;
  if (offset >= BPF_MAX_VAR_OFF) env.reject('EINVAL', load.value_offset(offset));
  if (map.type !== ARRAY_MAP && map.type !== ARENA_MAP) {
    env.reject('EINVAL', load.no_direct_value());
  }
  const refusal = directValueRefusal(map, offset);
  if (refusal) env.reject(refusal, load.value_bounds(map.valueSize, offset));
  env.aux.loadValue[insn] = offset;
}

function directValueRefusal(map: VerifierMap, offset: number): string | undefined {
  if (map.type === ARENA_MAP) return offset > map.maxEntries * PAGE_SIZE ? 'ERANGE' : undefined;
  if (map.maxEntries !== 1) return 'ENOTSUPP';
  return offset >= map.valueSize ? 'EINVAL' : undefined;
}

/** What is checked once per map, when the program names it first. */
function checkNewMap(env: VerifierEnv, map: VerifierMap, index: number): void {
  if (isStaticKey(map.type)) env.reject('EINVAL', load.static_key_as_map(map.name));
  const sameType = env.maps.slice(0, index).some(({ type }) => type === map.type);
  if (CGROUP_STORAGE_MAPS.has(map.type) && sameType) {
    env.reject('EBUSY', load.cgroup_storage_twice());
  }
  if (map.type !== ARENA_MAP) return;
  if (sameType) env.reject('EBUSY', load.arena_twice());
  if (!env.allowPtrLeaks || !env.bpfCapable) env.reject('EPERM', load.arena_capability());
}
