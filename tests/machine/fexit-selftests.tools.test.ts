/**
 * The kernel's own programs at functions of programs, unmodified, and what
 * prog_tests/fexit_bpf2bpf.c wants of them, which hooks-selftests.tools.test.ts has not.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/index.ts';
import { createMachine, type Host } from '../../src/index.ts';
import { bpfSyscall, type Machine, Process } from '../../src/machine/index.ts';
import { programInfo } from '../../src/machine/bpf/program-info.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+$/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'fexit_bpf2bpf.bpf.o')));

const file = (name: string) => new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));
/** `mov r0, 0; exit` */
const NOTHING = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** struct ipv6_packet of network_helpers.h. */
function pktV6(): Uint8Array {
  const data = new Uint8Array(74);
  data.set([0x86, 0xdd], 12);
  data[14 + 5] = 123;
  data[14 + 6] = 6;
  data.set([0x50], 54 + 12);
  data[54 + 18] = 123;
  return data;
}

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('fexit_bpf2bpf (%s)', (engine) => {
  const load = async (host: Host, name: string, options = {}) => {
    const loaded = await host.load(file(name), options);
    for (const [, why] of loaded.refused) throw why;
    return loaded;
  };

  /** Programs of an object at functions of the first program of another one. */
  async function around(name: string, targetName: string, only?: readonly string[], at?: string) {
    const host = await createMachine({ engine });
    const of = await load(host, targetName, only ? { programs: only } : {});
    const target = Object.values(of.programs)[0]!;
    const there = at === undefined ? target : { program: target, function: at };
    const programs = new Proxy({}, { get: () => there });
    const loaded = await load(host, name, { targets: programs });
    const attach = () => Object.values(loaded.programs).map((one) => one!.attach());
    const run = () => target.run({ data: pktV6() } as never).returnValue;
    return { host, target, loaded, attach, run };
  }

  it('target_no_callees', async () => {
    const { loaded, attach, run } = await around('fexit_bpf2bpf_simple', 'test_pkt_md_access');
    attach();
    expect([run(), loaded.globals.get('test_result')]).toEqual([0, 1n]);
  });

  it('target_yes_callees and func_replace: the program and its functions', async () => {
    const { host, target, loaded, attach, run } = await around('fexit_bpf2bpf', 'test_pkt_access');
    const links = attach();
    const { objects } = host.kernel as Machine;
    for (const link of links) {
      const info = objects.links.get(link.id)!.info();
      expect(info['tracing.target_obj_id']).toBe(target.id);
    }
    expect(run()).toBe(0);
    const names = loaded.globals.names.filter((name) => name.startsWith('test_'));
    expect(names).toHaveLength(8);
    expect(names.map((name) => [name, loaded.globals.get(name)])).toEqual(
      names.map((name) => [name, 1n]),
    );
    for (const link of links) link.detach();
    for (const name of names) loaded.globals.set(name, 0n);
    expect([run(), ...names.map((name) => loaded.globals.get(name))]).toEqual([
      0,
      ...names.map(() => 0n),
    ]);
  });

  it.each([
    ['func_replace_verify', 'freplace_connect4', 'connect4_prog', 'connect_v4_prog'],
    ['func_sockmap_update', 'freplace_cls_redirect', 'test_cls_redirect', 'cls_redirect'],
  ])('%s', async (_, name, targetName, program) => {
    const { attach } = await around(name, targetName, [program]);
    expect(attach().length).toBeGreaterThan(0);
  });

  it.each([
    [
      'func_replace_return_code',
      'freplace_connect_v4_prog',
      'connect4_prog',
      /At program exit the register R0 has smin=255/,
    ],
    [
      'func_map_prog_compatibility',
      'freplace_attach_probe',
      'test_attach_probe',
      /no function 'handle_kprobe'/,
    ],
    [
      'func_replace_unreliable',
      'freplace_unreliable_prog',
      'verifier_btf_unreliable_prog',
      /Cannot replace static functions/,
    ],
  ])('%s: refused', async (_, name, targetName, why) => {
    await expect(around(name, targetName)).rejects.toThrow(why);
  });

  it('fmod_ret_freplace: nothing changes what functions of programs give back', async () => {
    const { host, loaded, attach } = await around('freplace_get_constant', 'test_pkt_access');
    attach();
    const target = loaded.programs['security_new_get_constant']!;
    const names = Object.fromEntries(['fmod_ret_test'].map((name) => [name, target] as const));
    const refused = load(host, 'fmod_ret_freplace', { targets: names });
    await expect(refused).rejects.toThrow(/can't modify return codes of BPF programs/);
  });

  it('fentry_to_cgroup_bpf: what its information says', async () => {
    const host = await createMachine({ engine });
    const { programs } = await load(host, 'bind4_prog', { programs: ['bind_v4_prog'] });
    const target = programs['bind_v4_prog']!;
    using _ = target.attach({ cgroup: '/fentry_to_cgroup_bpf' } as never);
    const machine = host.kernel as Machine;
    const bpf = bpfSyscall(new Process(machine));
    const btfId = machine.objects.programs
      .get(target.id)!
      .parts.input!.btf!.find('func', 'bind_v4_prog')!;
    const fd = bpf.progLoad({
      progType: enums.bpf_prog_type.BPF_PROG_TYPE_TRACING,
      expectedAttachType: enums.bpf_attach_type.BPF_TRACE_FENTRY,
      attachProgFd: bpf.progGetFdById({ progId: target.id }),
      attachBtfId: btfId,
      insns: NOTHING,
      insnCnt: 2,
      license: 'GPL',
      progName: 'bind4_fentry',
    });
    expect(fd).toBeGreaterThan(0);
    const fentry = [...machine.programs].at(-1)!;
    const { btf_id, attach_btf_id, attach_btf_obj_id } = programInfo(machine, fentry);
    expect([btf_id, attach_btf_id]).toEqual([0, btfId]);
    expect(attach_btf_obj_id).toBeGreaterThan(0);
    const linkFd = bpf.rawTracepointOpen({ progFd: fd });
    expect(linkFd).toBeGreaterThan(0);
    expect(bpf.rawTracepointOpen({ progFd: fd })).toBe(-22);
  });

  it('func_replace_progmap: a map of programs is of the type of the target', async () => {
    const host = await createMachine({ engine });
    const { programs } = await load(host, 'xdp_dummy');
    const at = { program: programs['xdp_dummy_prog']!, function: 'xdp_dummy_prog' };
    const loaded = await load(host, 'freplace_progmap', { targets: { xdp_cpumap_prog: at } });
    const program = loaded.programs['xdp_drop_prog']!;
    expect(() => loaded.maps['cpu_map']!.set(0, { qsize: 1, program } as never)).not.toThrow();
  });
});
