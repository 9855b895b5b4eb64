/** Programs at devices of a running kernel. */
import { closeSync, openSync } from 'node:fs';
import { constants, enums, succeed } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import { loadObject } from '../../client/index.ts';
import {
  ifindexOf,
  infoById,
  type LinuxKernel,
  type LinuxProgram,
  queryIfThere,
  setXdp,
  XDP_MODES,
  xdpOfDevices,
} from '../../linux/index.ts';
import type { CommandCall } from '../command.ts';
import { usageError } from '../exit.ts';
import { readObject } from '../files.ts';
import {
  expectedRevision,
  type Hook,
  IF_NOEXIST,
  isProgramWord,
  needPortable,
  onlyProgram,
  takeDevice,
  takeHook,
  takeOverwrite,
} from '../hook-words.ts';
import { parseGlobals } from '../inputs.ts';
import type { CliIo } from '../io.ts';
import type { Output } from '../machine-file.ts';
import { byNetfilterPlace } from '../net-hooks.ts';
import { netOutput, type TcRow } from '../net-report.ts';
import { noMore, type Noun, openAll, takeOne } from './choice.ts';
import { devices } from './devices.ts';
import { linkJson } from './link.ts';

const attachTypes = enums.bpf_attach_type;
const { BPF_F_BEFORE, BPF_F_AFTER, BPF_F_ID, BPF_F_LINK, BPF_F_REPLACE } = constants;
/** Hooks of a device that have an order, by bpftool's words. */
const ORDERED: readonly (readonly [kind: string, attachType: number])[] = [
  ['tcx/ingress', attachTypes.BPF_TCX_INGRESS],
  ['tcx/egress', attachTypes.BPF_TCX_EGRESS],
  ['netkit/primary', attachTypes.BPF_NETKIT_PRIMARY],
  ['netkit/peer', attachTypes.BPF_NETKIT_PEER],
];

/** `net show [dev NAME]`; classic filters are not told: tc(8) tells them. */
function show(kernel: LinuxKernel, words: string[], call: CommandCall): Output {
  const named = words.length > 0 ? takeDevice(words) : undefined;
  noMore(words);
  if (named !== undefined) ifindexOf(named);
  const wanted = (name: string): boolean => named === undefined || name === named;
  const xdp = xdpOfDevices(kernel.system.libc)
    .filter(({ device }) => wanted(device))
    .map(({ device, ifindex, mode, programId }) => ({
      devname: device,
      ifindex,
      mode,
      id: programId,
    }));
  const revisions = call.flag('revisions');
  const tc = devices()
    .filter(({ name }) => wanted(name))
    .flatMap((device) => tcRows(kernel, device, revisions));
  const netfilter = openAll(kernel, 'link')
    .map((fd) => linkJson(kernel, fd))
    .flatMap(({ type, prog_id, pf, hook, prio, flags }) =>
      type === 'netfilter'
        ? [{ pf: pf!, hook: hook!, prio: prio!, flags: flags!, id: prog_id }]
        : [],
    )
    .sort(byNetfilterPlace);
  return netOutput({ xdp, tc, flow_dissector: dissectors(kernel), netfilter });
}

function tcRows(
  kernel: LinuxKernel,
  { name: devname, ifindex }: { name: string; ifindex: number },
  revisions: boolean,
): TcRow[] {
  return ORDERED.flatMap(([kind, attachType]) => {
    const { programs, revision } = queryIfThere(kernel.system, { targetFd: ifindex, attachType });
    return programs.map(({ programId, linkId }) => ({
      devname,
      ifindex,
      kind,
      name: infoById(kernel.system, 'prog', programId).text('name'),
      prog_id: programId,
      prog_flags: [],
      link_id: linkId,
      link_flags: [],
      ...(revisions && { revision }),
    }));
  });
}

function dissectors(kernel: LinuxKernel) {
  const namespace = openSync('/proc/self/ns/net', 'r');
  const place = { targetFd: namespace, attachType: attachTypes.BPF_FLOW_DISSECTOR };
  const { programs } = queryIfThere(kernel.system, place);
  closeSync(namespace);
  return programs.map(({ programId }) => ({ id: programId }));
}

/** `net attach HOOK {PROG|OBJ} dev NAME [overwrite]`: no link holds the program, unless --pin. */
function attach(kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo): Output {
  const hook = takeHook(words);
  needLinux(hook);
  const progFd = isProgramWord(words[0] ?? '')
    ? takeOne(kernel, 'prog', words)
    : loadOnly(kernel, words.shift() ?? '', call, io);
  const ifindex = ifindexOf(takeDevice(words));
  const overwrite = takeOverwrite(words);
  const order = orderOf(call, kernel);
  const path = call.text('pin');
  const at = { hook, progFd, ifindex, overwrite };
  if (path !== undefined) pinLink(kernel, at, order, path);
  else if (hook.type === 'xdp') attachXdp(kernel, at, order);
  else attachTcx(kernel, at, order);
  return {};
}

interface Aim {
  readonly hook: Hook;
  readonly progFd: number;
  readonly ifindex: number;
  readonly overwrite: boolean;
}

interface Order {
  readonly flags: number;
  readonly relativeFd: number;
  readonly expectedRevision: bigint;
  readonly replaceBpfFd: number;
}

function needLinux(hook: Hook): void {
  needPortable(hook);
  if (!hook.options.classic) return;
  const text = 'classic filters are for tc(8): beeyard does not put them on Linux';
  throw new KernelError('EOPNOTSUPP', 95, text);
}

/** An object with one program. */
function loadOnly(kernel: LinuxKernel, file: string, call: CommandCall, io: CliIo): number {
  const object = readObject(file, io);
  const name = onlyProgram(object);
  const globals = parseGlobals(call.list('global'), object);
  const { programs } = loadObject(kernel, object, { globals, programs: [name] });
  return (programs.get(name) as LinuxProgram).fd;
}

const tcxType = ({ options }: Hook): number =>
  options.direction === 'egress' ? attachTypes.BPF_TCX_EGRESS : attachTypes.BPF_TCX_INGRESS;
const xdpFlags = ({ options: { mode } }: Hook): number => (mode ? XDP_MODES[mode] : 0);

function pinLink(kernel: LinuxKernel, aim: Aim, order: Order, path: string): void {
  const { hook, progFd, ifindex: targetFd } = aim;
  const { flags, relativeFd, expectedRevision, replaceBpfFd } = order;
  if (replaceBpfFd !== 0) throw usageError('--replace is about a program that no link holds');
  const attr =
    hook.type === 'xdp'
      ? { progFd, targetFd, attachType: attachTypes.BPF_XDP, flags: xdpFlags(hook) | flags }
      : {
          progFd,
          targetFd,
          attachType: tcxType(hook),
          flags,
          tcx: { relativeFd, expectedRevision },
        };
  const fd = succeed(kernel.system.bpf.linkCreate(attr), 'the program is not attached');
  kernel.pin(path, { fd });
}

function attachXdp({ system }: LinuxKernel, aim: Aim, order: Order): void {
  const { hook, progFd: fd, ifindex, overwrite } = aim;
  if (order.flags !== 0 || order.expectedRevision !== 0n) {
    throw new KernelError('EINVAL', 22, 'Linux has one XDP program at a device: there is no order');
  }
  setXdp(system.libc, { ifindex, fd, flags: xdpFlags(hook) | (overwrite ? 0 : IF_NOEXIST) });
}

function attachTcx({ system }: LinuxKernel, aim: Aim, order: Order): void {
  const { flags: attachFlags, ...rest } = order;
  const { hook, progFd: attachBpfFd, ifindex: targetFd } = aim;
  const attr = { targetFd, attachType: tcxType(hook), attachBpfFd, attachFlags, ...rest };
  succeed(system.bpf.progAttach(attr), 'the program is not attached');
}

/** What the options say of the order. */
function orderOf(call: CommandCall, kernel: LinuxKernel): Order {
  const [before, after] = [call.text('before'), call.text('after')];
  const replace = call.text('replace');
  const side = (before && BPF_F_BEFORE) || 0;
  const anchor = anchorOf(kernel, before ?? after);
  const replaced = replace === undefined ? 0 : takeOne(kernel, 'prog', replace.split(' '));
  return {
    flags: side | (after ? BPF_F_AFTER : 0) | anchor.flags | (replaced ? BPF_F_REPLACE : 0),
    relativeFd: anchor.fd,
    expectedRevision: expectedRevision(call) ?? 0n,
    replaceBpfFd: replaced,
  };
}

/** 'id 12', 'name x', 'pinned PATH', 'link 3'; 'all' is before or after all. */
function anchorOf(kernel: LinuxKernel, text: string | undefined): { flags: number; fd: number } {
  if (text === undefined || text === 'all') return { flags: 0, fd: 0 };
  const [way, value] = text.split(' ');
  if (way === 'link' && value) return { flags: BPF_F_ID | BPF_F_LINK, fd: Number(value) };
  return { flags: 0, fd: takeOne(kernel, 'prog', text.split(' ')) };
}

/** `net detach HOOK dev NAME [PROG]`: a program that no link holds there. */
function detach(kernel: LinuxKernel, words: string[], call: CommandCall): Output {
  const hook = takeHook(words);
  needLinux(hook);
  const ifindex = ifindexOf(takeDevice(words));
  const attachBpfFd = words.length > 0 ? takeOne(kernel, 'prog', words) : 0;
  noMore(words);
  const { system } = kernel;
  if (hook.type === 'xdp') {
    const there = xdpOfDevices(system.libc).some((one) => one.ifindex === ifindex);
    if (!there) throw new KernelError('ENOENT', 2, `no program is at ${hook.word} of this device`);
    setXdp(system.libc, { ifindex, fd: -1, flags: xdpFlags(hook) });
    return {};
  }
  const { flags: attachFlags, relativeFd, expectedRevision } = orderOf(call, kernel);
  const attachType = tcxType(hook);
  const attr = {
    targetFd: ifindex,
    attachType,
    attachBpfFd,
    attachFlags,
    relativeFd,
    expectedRevision,
  };
  succeed(system.bpf.progDetach(attr), 'the program is not detached');
  return {};
}

export const netNouns: Readonly<Record<string, Noun>> = {
  'net show': show,
  'net attach': attach,
  'net detach': detach,
};
