import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { KernelError, VerifierError } from '../../src/base/index.ts';
import { loadObject } from '../../src/client/index.ts';
import { bootMachine, type Machine } from '../../src/machine/index.ts';
import { ProcessKernel } from '../../src/machine/bpf/kernel.ts';
import { type ObjectFile, parseObject } from '../../src/object/index.ts';
import {
  type Capability,
  DELEGATE_KINDS,
  type Delegation,
  delegationText,
  parseDelegate,
} from '../../src/security/index.ts';
import { explainToken, tokenScope } from '../../src/tools/token/index.ts';

const root = join(import.meta.dirname, '..', '..');

/** Objects of all kinds that a token can be enough for. */
const OBJECTS = [
  'examples/fair/fair.bpf.o',
  'examples/firewall-ts/firewall.bpf.o',
  'examples/firewall/firewall.bpf.o',
  'examples/hash-collisions/flows.bpf.o',
  'examples/idle-flows/flows.bpf.o',
  'examples/live-views/live.bpf.o',
  'examples/load-balancer/balancer.bpf.o',
  'examples/netkit-pods/pods.bpf.o',
  'examples/quantiles/quantiles.bpf.o',
  'examples/rdma/roce.bpf.o',
  'examples/socket-killer/killer.bpf.o',
  'examples/tcx-chain/chain.bpf.o',
  'examples/typed-import/ratelimit.bpf.o',
  'examples/vf-monitor/monitor.bpf.o',
  'tests/fixtures/core.bpf.o',
  'tests/fixtures/legacy-maps.bpf.o',
  'tests/fixtures/live.bpf.o',
  'tests/fixtures/long-maps.bpf.o',
  'tests/fixtures/no-debug.bpf.o',
  'tests/fixtures/plain.bpf.o',
  'tests/fixtures/shared.bpf.o',
  'tests/machine/programs/dynptr.bpf.o',
];

let machine: Machine;
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
  ({ machine } = await bootMachine({ kernel: profile, engine: 'interpreter' }));
  machine.users.create('web', { owner: 1000 });
});

const objectAt = (path: string): ObjectFile => parseObject(readFileSync(join(root, path)));

/** Why user 1000 cannot load all of an object; undefined: it can. */
function refusal(
  object: ObjectFile,
  delegation: Delegation,
  capabilities: readonly Capability[],
): string | undefined {
  const process = machine.process({ uid: 1000, userns: 'web', capabilities });
  const token = { userns: machine.users.get('web'), allows: delegation };
  try {
    const { programs, owned, refused } = loadObject(new ProcessKernel(process, token), object);
    for (const program of programs.values()) program.close();
    for (const map of owned) map.close();
    return refused.values().next().value?.message;
  } catch (error) {
    if (error instanceof KernelError || error instanceof VerifierError) return error.message;
    throw error;
  }
}

/** The delegation without one of its bits, for each of them. */
function narrowed(delegation: Delegation): Delegation[] {
  return DELEGATE_KINDS.flatMap((kind) =>
    Array.from({ length: 64 }, (_, at) => 1n << BigInt(at))
      .filter((bit) => (delegation[kind] & bit) !== 0n)
      .map((bit) => ({ ...delegation, [kind]: delegation[kind] & ~bit })),
  );
}

describe('the smallest delegation', () => {
  it('is asked for objects of more than 20 kinds', () => {
    expect(OBJECTS.length).toBeGreaterThan(20);
  });

  it.each(OBJECTS)('of %s is enough, and each bit of it is needed', (path) => {
    const object = objectAt(path);
    const { delegation, capabilities, needs } = explainToken(object, profile);
    expect(needs.filter(({ impossible }) => impossible)).toEqual([]);
    expect(refusal(object, delegation, capabilities)).toBeUndefined();
    for (const fewer of narrowed(delegation)) {
      expect(refusal(object, fewer, capabilities), delegationText(fewer)).toBeDefined();
    }
    for (const left of capabilities) {
      const fewer = capabilities.filter((one) => one !== left);
      expect(refusal(object, delegation, fewer), `without ${left}`).toBeDefined();
    }
  });

  it('names attach type 0 for programs without one', () => {
    const { delegation, needs } = explainToken(objectAt('tests/fixtures/core.bpf.o'), profile);
    expect(delegationText(delegation)).toBe(
      'delegate_cmds=map_create:prog_load,delegate_maps=array,delegate_progs=raw_tracepoint,' +
        'delegate_attachs=cgroup_inet_ingress',
    );
    expect(needs.filter(({ kind }) => kind === 'map').map(({ bits }) => bits.maps)).toContain(2);
  });

  it('says why a capability or types are needed, as the verifier does', () => {
    const { needs } = explainToken(objectAt('examples/idle-flows/flows.bpf.o'), profile);
    const types = needs.find(({ kind }) => kind === 'types');
    expect(types?.why).toMatch(/^program '.*' without its types: /);
    const firewall = explainToken(objectAt('examples/firewall/firewall.bpf.o'), profile);
    expect(firewall.needs.find(({ kind }) => kind === 'program')?.why).toMatch(
      /^without CAP_PERFMON: /,
    );
    expect(firewall.typesOptional).toBe(true);
  });

  it('says what libbpf tries besides', () => {
    const { libbpf } = explainToken(objectAt('examples/firewall/firewall.bpf.o'), profile);
    expect(delegationText(libbpf.delegation)).toContain(
      'delegate_progs=socket_filter:xdp:cgroup_sock',
    );
    expect(delegationText(libbpf.delegation)).toContain(
      'delegate_attachs=cgroup_inet_ingress:cgroup_inet_sock_create:xdp',
    );
  });

  it.each([
    ['examples/classifier/wildcard.bpf.o', 'Linux has no such maps'],
    ['examples/rdma/rkeys.bpf.o', 'Linux has no such attach type'],
    ['tests/fixtures/broken/needs_gpl.bpf.o', 'nobody can load it'],
  ])('knows that no token is enough for %s', (path, reason) => {
    const { needs } = explainToken(objectAt(path), profile);
    expect(needs.map(({ impossible }) => impossible ?? '').join()).toContain(reason);
  });
});

describe('what a token is good for', () => {
  const delegation = {
    cmds: parseDelegate('cmds', 'map_create:prog_load:prog_attach'),
    maps: parseDelegate('maps', 'hash:devmap'),
    progs: parseDelegate('progs', 'xdp:kprobe:sk_lookup'),
    attachs: parseDelegate('attachs', 'xdp:cgroup_inet_ingress'),
  };

  it('depends on the capabilities of its holder', () => {
    const bpf = tokenScope(delegation, 1n << 39n);
    expect(bpf.maps).toEqual(['hash']);
    expect(bpf.programs).toEqual([]);
    const all = tokenScope(delegation, (1n << 41n) - 1n);
    expect(all.maps).toEqual(['hash', 'devmap']);
    expect(all.programs.map(({ type, wholeMachine }) => [type, wholeMachine])).toEqual([
      ['kprobe', true],
      ['xdp', false],
    ]);
  });

  it('names what nothing comes of', () => {
    const { useless } = tokenScope(delegation, (1n << 41n) - 1n);
    expect(useless.map(({ option, word }) => `${option}=${word}`)).toEqual([
      'delegate_cmds=prog_attach',
      'delegate_progs=sk_lookup',
    ]);
  });

  it('names what an object does not need of it', () => {
    const { delegation: needed } = explainToken(objectAt('tests/fixtures/plain.bpf.o'), profile);
    const { unused } = tokenScope(delegation, (1n << 41n) - 1n, needed);
    expect(delegationText(unused)).toBe(
      'delegate_cmds=map_create:prog_attach,delegate_maps=hash:devmap,' +
        'delegate_progs=kprobe:sk_lookup,delegate_attachs=cgroup_inet_ingress',
    );
  });
});
