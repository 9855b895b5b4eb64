/** Which tokens and capabilities commands ask for, in the kernel's order (kernel/bpf/syscall.c). */
import { constants, enums, mapRules, programRules } from '../../abi/index.ts';
import { allowsCommand, allowsMap, allowsProgram, type Token } from '../../security/index.ts';
import type { VerifierCapabilities } from '../../verifier/index.ts';
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

const { BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD } = enums.bpf_cmd;
const { BPF_F_TOKEN_FD } = constants;
/** The token as somebody hands it over: a descriptor, with its flag, or the thing itself. */
type Given = Token | undefined;

/** A token that is for something else is no token, and no error. */
const unless = (token: Given, allowed: boolean): Given => (allowed ? token : undefined);

export const tokenFor = {
  map: (token: Given, type: number): Given =>
    token && unless(token, allowsCommand(token, BPF_MAP_CREATE) && allowsMap(token, type)),
  btf: (token: Given): Given => token && unless(token, allowsCommand(token, BPF_BTF_LOAD)),
  program: (token: Given, type: number, attachType: number): Given =>
    token &&
    unless(token, allowsCommand(token, BPF_PROG_LOAD) && allowsProgram(token, type, attachType)),
};

/** What BPF_F_TOKEN_FD says. Throws KernelError EBADF, EINVAL. */
export function givenToken(process: Process, flags: number, fd = 0): Token | undefined {
  return flags & BPF_F_TOKEN_FD ? process.token(fd) : undefined;
}

function need(process: Process, token: Given, capability: Parameters<Process['need']>[0]): void {
  if (!process.bpfCapable(capability, token)) refuse('EPERM', `${capability} is missing`);
}

/** Without CAP_BPF, and where the machine has no room for others. */
function refuseOthers(process: Process, token: Given): void {
  if (process.machine.sysctls.unprivilegedBpfDisabled !== 0) need(process, token, 'CAP_BPF');
}

/** What BPF_MAP_CREATE asks for a map type. Throws KernelError EPERM. */
export function checkMapRights(process: Process, token: Given, type: number): void {
  refuseOthers(process, token);
  const capability = mapRules(type)?.needs;
  if (capability) need(process, token, capability);
}

/** What BPF_BTF_LOAD asks. Throws KernelError EPERM. */
export function checkBtfRights(process: Process, token: Given): void {
  need(process, token, 'CAP_BPF');
}

const MOST_INSNS = 1_000_000;
const MOST_INSNS_UNPRIVILEGED = 4096;

/** What BPF_PROG_LOAD asks for a program type. Throws KernelError EPERM, E2BIG. */
export function checkProgramRights(
  process: Process,
  token: Given,
  type: number,
  insnCount: number,
): void {
  refuseOthers(process, token);
  const bpf = process.bpfCapable('CAP_BPF', token);
  if (insnCount === 0 || insnCount > (bpf ? MOST_INSNS : MOST_INSNS_UNPRIVILEGED)) refuse('E2BIG');
  const needs = programRules(type)?.needs ?? { bpf: true, netAdmin: false, perfmon: false };
  if (needs.bpf) need(process, token, 'CAP_BPF');
  if (needs.netAdmin) need(process, token, 'CAP_NET_ADMIN');
  if (needs.perfmon) need(process, token, 'CAP_PERFMON');
}

/** What the verifier lets the program do: tokens count for all but CAP_SYS_ADMIN itself. */
export function verifierRights(process: Process, token: Given): VerifierCapabilities {
  return {
    bpf: process.bpfCapable('CAP_BPF', token),
    perfmon: process.bpfCapable('CAP_PERFMON', token),
    netAdmin: process.bpfCapable('CAP_NET_ADMIN', token),
    sysAdmin: process.capable('CAP_SYS_ADMIN'),
  };
}
