import {
  constants,
  loadAttachType,
  programRules,
  programTypeFacts,
  programTypeName,
  attachTypeName,
  takesAttachType,
} from '../../abi/index.ts';
import type { ProgLoadAttr } from '../../kernel/index.ts';
import type { ProgramSpec } from '../../object/index.ts';
import type { Token } from '../../security/index.ts';
import { type VerifierInput, verify } from '../../verifier/index.ts';
import { refuse } from '../errno.ts';
import { bindProgram, installProgram } from '../load.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { BoundDevice, MachineProgram } from '../program.ts';
import { programTypeOf } from '../program-type.ts';
import { openProgram } from './files.ts';
import { checkLogOptions, writeLog } from './log.ts';
import { bindInsns, type BoundInsns } from './program-insns.ts';
import { readTypes, type ProgramTypes } from './program-types.ts';
import type { Process } from './process.ts';
import { checkProgramRights, givenToken, tokenFor, verifierRights } from './rights.ts';
import { objectName, userBytes } from './values.ts';

const c = constants;
const FLAGS =
  c.BPF_F_STRICT_ALIGNMENT |
  c.BPF_F_ANY_ALIGNMENT |
  c.BPF_F_TEST_STATE_FREQ |
  c.BPF_F_SLEEPABLE |
  c.BPF_F_TEST_RND_HI32 |
  c.BPF_F_XDP_HAS_FRAGS |
  c.BPF_F_XDP_DEV_BOUND_ONLY |
  c.BPF_F_TEST_REG_INVARIANTS |
  c.BPF_F_TOKEN_FD;

/** BPF_PROG_LOAD: a file descriptor. */
export function progLoad(process: Process, attr: ProgLoadAttr): number {
  const { progType: type, progFlags = 0 } = attr;
  if (progFlags & ~FLAGS) refuse('EINVAL', 'flags');
  const attachType = loadAttachType(type, attr.expectedAttachType ?? 0);
  const given = givenToken(process, progFlags, attr.progTokenFd);
  const token = tokenFor.program(given, type, attachType);
  checkProgramRights(process, token, type, attr.insnCnt);
  const target = attachTarget(process, attr);
  checkAttach(attr, attachType, target);
  const insns = userBytes(attr.insns, attr.insnCnt * 8).slice();
  if (attr.license === undefined) refuse('EFAULT', 'there is no license');
  const device = attr.progIfindex ? bindDevice(process, attr) : undefined;
  if (!programRules(type) || !programTypeFacts.some(({ id }) => id === type)) {
    refuse('EINVAL', `there are no programs of type ${type}`);
  }
  const name = objectName(attr.progName);
  checkLogOptions(attr.logLevel, attr.logBuf, attr.logSize);
  const types = readTypes(process, attr);
  const bound = bindInsns(process, insns, attr.fdArray);
  const input: VerifierInput = {
    name,
    type,
    expectedAttachType: attachType,
    attachBtfId: target.btfId,
    ...(target.module === undefined ? {} : { attachModule: target.module }),
    ...(target.program?.parts.input && {
      attachProgram: { input: target.program.parts.input, btfId: target.btfId },
    }),
    license: attr.license,
    flags: progFlags,
    insns: bound.insns,
    modules: bound.modules,
    maps: bound.maps.map((map) => bound.definition(map)),
    btf: types.btf?.btf,
    functionInfo: types.functions,
    lineInfo: types.lines,
  };
  return install(process, attr, input, { types, bound, target: target.program, device, token });
}

/** bpf_prog_dev_bound_init */
function bindDevice({ machine }: Process, attr: ProgLoadAttr): BoundDevice {
  const { progFlags = 0, progIfindex = 0, progType } = attr;
  const only = (progFlags & c.BPF_F_XDP_DEV_BOUND_ONLY) !== 0;
  const unfit = progFlags & ~(c.BPF_F_XDP_DEV_BOUND_ONLY | c.BPF_F_XDP_HAS_FRAGS);
  const halves = (progFlags & c.BPF_F_XDP_HAS_FRAGS) !== 0 && !only;
  if (unfit || halves) refuse('EINVAL', 'flags of a program for one device');
  for (const subsystem of machine.settings.subsystems) {
    const device = subsystem.deviceAt?.(progIfindex);
    if (!device) continue;
    return bindProgram(machine, programTypeName(progType), { device: device.name, offload: !only });
  }
  return refuse('EINVAL', `there is no device ${progIfindex}`);
}

interface Target {
  readonly btfId: number;
  readonly module?: string;
  readonly program?: MachineProgram;
}

/** A program, or a type of the kernel or of a module. */
function attachTarget(
  process: Process,
  { attachProgFd = 0, attachBtfId = 0 }: ProgLoadAttr,
): Target {
  if (attachProgFd === 0) return { btfId: attachBtfId };
  const file = process.file(attachProgFd);
  if (file?.kind === 'prog') {
    return { btfId: attachBtfId, program: process.get(attachProgFd, 'prog') };
  }
  if (file?.kind !== 'btf') refuse('EINVAL', 'the target is neither a program nor BTF');
  const btf = process.get(attachProgFd, 'btf');
  if (!btf.kernel) refuse('ENOTSUPP', 'the target is a type of a program');
  return { btfId: attachBtfId, ...(btf.name !== 'vmlinux' && { module: btf.name }) };
}

/** bpf_prog_load_check_attach */
function checkAttach({ progType: type }: ProgLoadAttr, attachType: number, target: Target): void {
  const { btfId, program, module } = target;
  if (btfId !== 0 && programRules(type) && !programRules(type)!.attachesByBtf) refuse('EINVAL');
  if (module !== undefined && btfId === 0) refuse('EINVAL');
  const targets: readonly number[] = [c.BPF_PROG_TYPE_TRACING, c.BPF_PROG_TYPE_EXT];
  if (program && !targets.includes(type)) refuse('EINVAL', 'such programs have no target');
  if (!takesAttachType(type, attachType)) refuse('EINVAL', 'expected attach type');
}

interface Parts {
  readonly types: ProgramTypes;
  readonly bound: BoundInsns;
  readonly target: MachineProgram | undefined;
  readonly device: BoundDevice | undefined;
  readonly token: Token | undefined;
}

function install(
  process: Process,
  attr: ProgLoadAttr,
  input: VerifierInput,
  { types, bound, target, device, token }: Parts,
): number {
  const { machine } = process;
  const { rules } = machine.settings;
  const capabilities = verifierRights(process, token);
  const result = rules && verify(input, rules, { logLevel: attr.logLevel ?? 0, capabilities });
  const cut = writeLog(attr, result?.log ?? '');
  if (cut) refuse('ENOSPC', 'the log is cut');
  if (result && !result.ok) {
    refuse(bound.wrongFile(input, result.reason?.text) ?? result.errnoName, result.reason?.text);
  }
  const { btf } = types;
  const program = installProgram(machine, {
    spec: specOf(input, types),
    type: programTypeOf(programTypeName(input.type)),
    adapted: { insns: bound.insns, relocations: bound.relocations, modules: bound.modules },
    mapNamed: (name) => bound.maps[Number(name)]!,
    verification: result && { insns: result.stats.processed, time: result.stats.time },
    input: rules && input,
    license: input.license,
    types: btf?.btf,
    btf: btf && ((): BtfObject => btf.hold()),
    target,
    uid: process.credentials.uid,
    token,
    capabilities,
    bound: device,
  });
  try {
    return openProgram(process, program);
  } finally {
    program.close();
  }
}

/** As if it came from an object file. */
function specOf(input: VerifierInput, { functions, lines, btf }: ProgramTypes): ProgramSpec {
  const flags: ('sleepable' | 'frags')[] = [];
  if (input.flags & c.BPF_F_SLEEPABLE) flags.push('sleepable');
  if (input.flags & c.BPF_F_XDP_HAS_FRAGS) flags.push('frags');
  const nameOf = (typeId: number): string => btf?.btf.type(typeId).name ?? '';
  const starts = functions.length > 0 ? functions : [{ insn: 0, typeId: 0 }];
  return {
    name: input.name,
    section: '',
    type: programTypeName(input.type),
    attachType:
      input.expectedAttachType === 0 ? undefined : attachTypeName(input.expectedAttachType),
    attachTarget: undefined,
    flags,
    insns: input.insns,
    functions: starts.map(({ insn, typeId }, i) => ({
      name: typeId === 0 ? input.name : nameOf(typeId),
      start: insn,
      size: (starts[i + 1]?.insn ?? input.insns.length / 8) - insn,
      global: false,
      btfId: typeId,
    })),
    relocations: [],
    lines,
    described: functions.length > 0,
    coreRelocations: [],
  };
}
