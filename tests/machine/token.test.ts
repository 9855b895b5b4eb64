/** What prog_tests/token.c of the kernel's selftests asks, of the machine. */
import { beforeEach, describe, expect, it } from 'vitest';
import { constants, enums, loadKernelProfile } from '../../src/abi/index.ts';
import type { BpfSyscall } from '../../src/kernel/index.ts';
import { bootMachine, bpfSyscall, type Machine, type Process } from '../../src/machine/index.ts';
import * as mounting from '../../src/machine/bpf/mounting.ts';
import { ALL_CAPABILITIES, parseCapabilities, tokenInfo } from '../../src/security/index.ts';
import { INT_BTF } from './token-replay.ts';

const EPERM = -1;
const { BPF_F_TOKEN_FD } = constants;
const { BPF_MAP_TYPE_STACK } = enums.bpf_map_type;
const { BPF_PROG_TYPE_XDP } = enums.bpf_prog_type;
const PRIVILEGED = parseCapabilities('bpf,perfmon,net_admin,sys_admin');

let machine: Machine;
let process: Process;
let bpf: BpfSyscall;

beforeEach(async () => {
  const kernel = await loadKernelProfile();
  ({ machine } = await bootMachine({ engine: 'interpreter', kernel }));
  machine.users.create('container', { owner: 1000 });
  process = machine.process({ userns: 'container' });
  bpf = bpfSyscall(process);
});

/** The container opens a bpffs, root delegates, the container mounts it and makes a token. */
function tokenOf(options: Readonly<Record<string, string>>): number {
  const root = machine.process();
  const context = mounting.fsopen(process, 'bpf');
  const passed = root.receive(process, context);
  for (const [name, value] of Object.entries(options)) {
    mounting.fsconfig(root, passed, `delegate_${name}`, value);
  }
  mounting.fscreate(root, passed);
  const mount = mounting.fsmount(process, context);
  return bpf.tokenCreate({ bpffsFd: process.openDirectory('.', mount) });
}

function drop(): void {
  const { credentials } = process;
  process.credentials = { ...credentials, capabilities: ALL_CAPABILITIES & ~PRIVILEGED };
}

function restore(): void {
  process.credentials = { ...process.credentials, capabilities: ALL_CAPABILITIES };
}

it('map_token: neither the token nor CAP_BPF of the namespace is enough alone', () => {
  const mapTokenFd = tokenOf({ cmds: 'map_create', maps: 'stack' });
  expect(mapTokenFd).toBeGreaterThan(0);
  const stack = { mapType: BPF_MAP_TYPE_STACK, valueSize: 8, maxEntries: 1 };
  const withToken = { ...stack, mapFlags: BPF_F_TOKEN_FD, mapTokenFd };
  drop();
  expect(bpf.mapCreate({ ...stack })).toBe(EPERM);
  expect(bpf.mapCreate({ ...withToken })).toBe(EPERM);
  restore();
  expect(bpf.mapCreate({ ...stack })).toBe(EPERM);
  expect(bpf.mapCreate({ ...withToken })).toBeGreaterThan(0);
  // Without its flag the descriptor is nothing.
  expect(bpf.mapCreate({ ...stack, mapTokenFd })).toBe(EPERM);
});

it('btf_token: the same for types', () => {
  const btfTokenFd = tokenOf({ cmds: '0x40000' });
  const types = { btf: INT_BTF, btfSize: INT_BTF.length };
  const withToken = { ...types, btfFlags: BPF_F_TOKEN_FD, btfTokenFd };
  drop();
  expect(bpf.btfLoad({ ...types })).toBe(EPERM);
  expect(bpf.btfLoad({ ...withToken })).toBe(EPERM);
  restore();
  expect(bpf.btfLoad({ ...withToken })).toBeGreaterThan(0);
});

it('prog_token: helpers of CAP_BPF and CAP_PERFMON in a program of CAP_NET_ADMIN', () => {
  const progTokenFd = tokenOf({ cmds: 'PROG_LOAD', progs: 'XDP', attachs: 'xdp' });
  const call = (helper: number): number[] => [0x85, 0, 0, 0, helper, 0, 0, 0];
  const end = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
  const insns = Uint8Array.from([...call(118), ...call(35), ...end]);
  const program = {
    progType: BPF_PROG_TYPE_XDP,
    expectedAttachType: enums.bpf_attach_type.BPF_XDP,
    insns,
    insnCnt: 4,
    license: 'GPL',
  };
  const withToken = { ...program, progFlags: BPF_F_TOKEN_FD, progTokenFd };
  const fd = bpf.progLoad({ ...withToken });
  expect(fd).toBeGreaterThan(0);
  const { parts } = process.get(fd, 'prog');
  expect([parts.uid, parts.token?.userns.name]).toEqual([1000, 'container']);
  expect(bpf.progLoad({ ...program })).toBe(EPERM);
  drop();
  expect(bpf.progLoad({ ...withToken })).toBe(EPERM);
  expect(bpf.progLoad({ ...program })).toBe(EPERM);
});

describe('a token', () => {
  it('outlives the descriptor of the mount, and tells what it allows', () => {
    const fd = tokenOf({ cmds: 'any', maps: 'hash' });
    expect(tokenInfo(process.token(fd))).toBe(
      'allowed_cmds:\tany\nallowed_maps:\t0x2\nallowed_progs:\t0x0\nallowed_attachs:\t0x0\n',
    );
  });

  it('handed to another process works there, if that may use it', () => {
    const token = tokenOf({ cmds: 'any', maps: 'any' });
    const stack = { mapType: BPF_MAP_TYPE_STACK, valueSize: 8, maxEntries: 1 };
    const use = (other: Process): number => {
      const mapTokenFd = other.receive(process, token);
      return bpfSyscall(other).mapCreate({ ...stack, mapFlags: BPF_F_TOKEN_FD, mapTokenFd });
    };
    expect(use(machine.process({ userns: 'container' }))).toBeGreaterThan(0);
    expect(use(machine.process({ uid: 1001 }))).toBe(EPERM);
    // Who made the namespace, and is above it, may do everything in it.
    expect(use(machine.process({ uid: 1000 }))).toBeGreaterThan(0);
  });
});
