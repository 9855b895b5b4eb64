import { decodeCode, encodeCode, LD_IMM64 } from '../../isa/index.ts';
import { verify } from '../../verifier/index.ts';
import { isGplCompatible } from '../../verifier/load/program-kinds.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { StructValues } from './structs.ts';

const MAP_FD = 1;
const MAP_VALUE = 2;
/**
 * What bpf_prog_info says of a program, by the kernel's names. Its code is WebAssembly, so that
 * nothing is told of machine code: jited_prog_len is 0.
 */
export function programInfo(machine: Machine, program: MachineProgram): StructValues {
  const { parts, stats, verification } = program;
  const { input, btf } = parts;
  const functions = Math.max(1, program.spec.functions.length);
  return {
    type: program.typeId,
    id: program.id,
    tag: Uint8Array.from(program.tag.match(/../g)!, (hex) => Number.parseInt(hex, 16)),
    xlated_prog_len: sanitized(machine, program).length,
    load_time: parts.loadTime,
    created_by_uid: parts.uid,
    nr_map_ids: program.maps.length,
    name: program.kernelName,
    gpl_compatible: isGplCompatible(parts.license) ? 1 : 0,
    nr_jited_ksyms: functions,
    nr_jited_func_lens: functions,
    jited_prog_len: 0,
    btf_id: btf?.id ?? 0,
    func_info_rec_size: 8,
    line_info_rec_size: 16,
    jited_line_info_rec_size: 8,
    nr_func_info: input?.functionInfo.length ?? 0,
    nr_line_info: input?.lineInfo.length ?? 0,
    nr_jited_line_info: 0,
    nr_prog_tags: functions,
    run_time_ns: stats.time,
    run_cnt: stats.count,
    recursion_misses: stats.misses,
    verified_insns: verification?.insns ?? 0,
    attach_btf_id: input?.attachBtfId ?? 0,
    attach_btf_obj_id: attachBtf(machine, program),
  };
}

function attachBtf({ objects }: Machine, { parts, target }: MachineProgram): number {
  if (parts.target) return target?.parts.btf?.id ?? 0;
  if (!parts.input?.attachBtfId) return 0;
  return objects.kernelBtf(parts.input.attachModule)?.id ?? 0;
}

const rewritten = new WeakMap<MachineProgram, Uint8Array>();

/**
 * The instructions as the kernel keeps them, with ids of maps and without addresses
 * (bpf_insn_prepare_dump). As they were loaded where nobody rewrote them: no rules, slim types.
 */
export function sanitized(machine: Machine, program: MachineProgram): Uint8Array {
  let insns = rewritten.get(program);
  if (!insns) rewritten.set(program, (insns = rewrite(machine, program)));
  return insns;
}

function rewrite({ settings }: Machine, program: MachineProgram): Uint8Array {
  const { input, maps, adapted, capabilities } = program.parts;
  const { insns } = adapted;
  const { rules } = settings;
  if (!input || !rules || rules.slim) return insns;
  const xlated = verify(input, rules, {
    xlated: true,
    ...(capabilities && { capabilities }),
  }).xlated;
  if (!xlated) return insns;
  const code = decodeCode(xlated.insns);
  for (let i = 0; i < code.length; i++) {
    const source = code.src[i];
    if (code.op[i] !== LD_IMM64 || (source !== MAP_FD && source !== MAP_VALUE)) continue;
    const map = xlated.maps[code.imm[i]! - 1];
    const place = map ? input.maps.findIndex((each) => each === map) : -1;
    const id = maps[place]?.id ?? 0;
    code.set(i, LD_IMM64, code.dst[i]!, source, code.off[i]!, id);
  }
  return encodeCode(code);
}
