import { describe, expect, it } from 'vitest';
import {
  constants,
  kfuncAccess,
  type KfuncAccess,
  type KfuncPlace,
  loadKernelProfile,
  operationRefusal,
  programTypeNumbers,
  kfuncsOf,
  withSchedExt,
} from '../../src/abi/index.ts';

const plain = await loadKernelProfile();
const kernel = await withSchedExt(plain);

const place = (type: number, more: Partial<KfuncPlace> = {}): KfuncPlace => ({
  type,
  attachType: 0,
  sleepable: 'no',
  ...more,
});
const inOperation = (member: string, more: Partial<KfuncPlace> = {}) =>
  place(constants.BPF_PROG_TYPE_STRUCT_OPS, {
    operation: { table: 'sched_ext_ops', member },
    ...more,
  });
const of = (name: string, at: KfuncPlace): KfuncAccess =>
  kfuncAccess(kernel, at).find(({ kfunc }) => kfunc.name === name)!;

describe('kfuncAccess', () => {
  it('names each kernel function once, with a reason when it is not simply callable', () => {
    for (const type of programTypeNumbers) {
      const rows = kfuncAccess(plain, place(type));
      const keys = rows.map(({ kfunc, module }) => `${module}:${kfunc.name}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { callable, obstacle, why } of rows) {
        expect(callable === 'yes').toBe(obstacle === undefined && why === undefined);
      }
    }
  });

  it('calls callable what the verifier finds, but for conditions it says', () => {
    for (const type of programTypeNumbers) {
      if (type === constants.BPF_PROG_TYPE_EXT) continue;
      const ours = kfuncAccess({ ...plain, modules: [] }, place(type));
      const open = ours.filter(({ obstacle }) => obstacle !== 'hook' && obstacle !== 'filter');
      const known = [...kfuncsOf(type).values()].map(({ name }) => name);
      expect(open.map(({ kfunc }) => kfunc.name)).toEqual([...new Set(known)].sort());
    }
  });

  it('knows filters, sleepability, capabilities and devices', () => {
    const iterator = place(constants.BPF_PROG_TYPE_TRACING, {
      attachType: constants.BPF_TRACE_ITER,
    });
    expect(of('bpf_sock_destroy', iterator).callable).toBe('yes');
    expect(of('bpf_sock_destroy', place(constants.BPF_PROG_TYPE_TRACING))).toMatchObject({
      callable: 'no',
      obstacle: 'filter',
    });
    const lsm = place(constants.BPF_PROG_TYPE_LSM);
    expect(of('bpf_get_file_xattr', lsm)).toMatchObject({ callable: 'no', obstacle: 'sleepable' });
    expect(of('bpf_get_file_xattr', { ...lsm, sleepable: 'possible' }).callable).toBe('if');
    expect(of('bpf_get_file_xattr', { ...lsm, sleepable: 'yes' }).callable).toBe('yes');
    const xdp = place(constants.BPF_PROG_TYPE_XDP);
    expect(of('crash_kexec', xdp)).toMatchObject({ callable: 'if', obstacle: 'capability' });
    expect(of('bpf_xdp_metadata_rx_hash', xdp)).toMatchObject({ obstacle: 'device' });
    expect(of('bpf_xdp_ct_lookup', xdp)).toMatchObject({ callable: 'yes', module: 'nf_conntrack' });
  });

  it('says of each operation of sched_ext what fails at run time', () => {
    const closed = (member: string) =>
      kfuncAccess(kernel, inOperation(member))
        .filter(({ obstacle }) => obstacle === 'run_time')
        .map(({ kfunc }) => kfunc.name);
    expect(closed('dispatch')).toEqual(['scx_bpf_reenqueue_local', 'scx_bpf_select_cpu_dfl']);
    expect(closed('select_cpu')).not.toContain('scx_bpf_dispatch');
    expect(closed('enqueue')).toContain('scx_bpf_consume');
    expect(closed('running')).toContain('scx_bpf_dispatch');
    expect(closed('init')).not.toContain('scx_bpf_dispatch_from_dsq');
    expect(closed('enqueue')).toContain('scx_bpf_dispatch_from_dsq');
  });

  it('wants a sleepable program where one can be', () => {
    expect(of('scx_bpf_create_dsq', inOperation('dispatch'))).toMatchObject({
      callable: 'no',
      obstacle: 'sleepable',
    });
    expect(of('scx_bpf_create_dsq', inOperation('init', { sleepable: 'possible' })).callable).toBe(
      'if',
    );
  });
});

describe('operationRefusal', () => {
  const module = kernel.modules.find(({ name }) => name === 'sched_ext')!;

  it('treats other tables as if no operation of sched_ext ran', () => {
    const elsewhere = { table: 'tcp_congestion_ops', member: 'ssthresh' };
    expect(operationRefusal('scx_bpf_dispatch', module, elsewhere)?.mask).toBe(0);
    expect(operationRefusal('scx_bpf_dispatch_from_dsq', module, elsewhere)).toBeUndefined();
  });

  it('has nothing to say of functions without a mask', () => {
    expect(operationRefusal('scx_bpf_kick_cpu', module, undefined)).toBeUndefined();
    expect(operationRefusal('bpf_task_release', undefined, undefined)).toBeUndefined();
  });
});
