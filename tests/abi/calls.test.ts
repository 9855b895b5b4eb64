import { describe, expect, it } from 'vitest';
import {
  HELPER_COUNT,
  errnoName,
  errnoNumber,
  helperAvailability,
  helperContract,
  helperId,
  helperName,
  helpersOf,
  mapTypeId,
  mapTypeName,
  programTypeById,
  programTypeFacts,
  programTypeId,
  programTypeName,
  programTypes,
  structs,
} from '../../src/abi/index.ts';
import * as layout from '../../src/runtime/layout.ts';

const XDP = programTypeId('xdp')!;
const SCHED_CLS = programTypeId('sched_cls')!;

describe('names', () => {
  it('are bpftool words', () => {
    expect(mapTypeName(10)).toBe('lru_percpu_hash');
    expect(mapTypeName(19)).toBe('cgroup_storage');
    expect(mapTypeId('devmap_hash')).toBe(25);
    expect(programTypeName(3)).toBe('sched_cls');
    expect(programTypeName(77)).toBe('type 77');
    expect(programTypeId('socket_filter')).toBe(1);
  });

  it('go both ways for every helper', () => {
    for (let id = 1; id < HELPER_COUNT; id++) expect(helperId(helperName(id)!)).toBe(id);
    expect(helperId('bpf_redirect_map')).toBe(51);
    expect(helperName(212)).toBeUndefined();
  });

  it('know errno by either sign', () => {
    expect(errnoName(-22)).toBe('EINVAL');
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoName(524)).toBe('ENOTSUPP');
    expect(errnoNumber('E2BIG')).toBe(7);
  });
});

describe('call contracts', () => {
  it('describe bpf_map_update_elem', () => {
    const { args, returns, packetAccess } = helperContract(2)!;
    expect(args.map((arg) => arg.kind)).toEqual(['map', 'map_key', 'map_value', 'any']);
    expect(args.map((arg) => arg.name)).toEqual(['map', 'key', 'value', 'flags']);
    expect(returns.kind).toBe('integer');
    expect(packetAccess).toBe(true);
  });

  it('tie memory to the argument with its size', () => {
    const { args } = helperContract(helperId('csum_diff')!)!;
    expect(args[0]).toMatchObject({ kind: 'mem', nullable: true, access: 'read', sizeFrom: 1 });
    expect(args[1]).toMatchObject({ kind: 'size', zeroSizeOk: true });
    expect(args[2]).toMatchObject({ kind: 'mem', sizeFrom: 3 });
  });

  it('mark memory that a helper fills', () => {
    const { args, maySleep } = helperContract(helperId('skb_load_bytes')!)!;
    expect(args[2]).toMatchObject({ kind: 'mem', access: 'write', uninit: true, sizeFrom: 3 });
    expect(maySleep).toBeUndefined();
    expect(helperContract(helperId('strtol')!)!.args[3]).toMatchObject({
      kind: 'fixed_mem',
      size: 8,
      align: 8,
      access: 'write',
    });
  });

  it('mark references taken and given back', () => {
    const reserve = helperContract(helperId('ringbuf_reserve')!)!;
    expect(reserve.returns).toMatchObject({
      kind: 'ringbuf_mem',
      nullable: true,
      acquire: true,
      sizeFrom: 1,
    });
    const submit = helperContract(helperId('ringbuf_submit')!)!;
    expect(submit.args[0]).toMatchObject({ kind: 'ringbuf_mem', release: true });
    expect(submit.returns.kind).toBe('void');
  });

  it('mark helpers that change the packet', () => {
    expect(helperContract(helperId('xdp_adjust_head')!)!.changesPacket).toBe(true);
    expect(helperContract(helperId('skb_load_bytes')!)!.changesPacket).toBeUndefined();
  });

  it('pick the prototype of the program type', () => {
    const id = helperId('perf_event_output')!;
    expect(helperContract(id, XDP)!.prototype).toBe('bpf_xdp_event_output_proto');
    expect(helperContract(id, SCHED_CLS)!.prototype).toBe('bpf_skb_event_output_proto');
  });

  it('classify every argument and return value of every helper', () => {
    for (let id = 1; id < HELPER_COUNT; id++) {
      const contract = helperContract(id)!;
      for (const arg of contract.args) expect(arg.kind, contract.name).toBeDefined();
      expect(contract.returns.kind, contract.name).toBeDefined();
    }
  });
});

describe('availability', () => {
  it('is what xdp_func_proto and its defaults say', () => {
    expect(helperAvailability(XDP, helperId('xdp_adjust_head')!)).toBeDefined();
    expect(helperAvailability(XDP, helperId('skb_store_bytes')!)).toBeUndefined();
    expect(helperAvailability(XDP, helperId('trace_printk')!)!.capability).toBe('CAP_PERFMON');
    expect(helperAvailability(XDP, helperId('loop')!)!.capability).toBe('CAP_BPF');
    expect(helperAvailability(XDP, helperId('map_lookup_elem')!)!.capability).toBeUndefined();
    expect(helperAvailability(XDP, helperId('skc_to_tcp_sock')!)!.capability).toBe('CAP_PERFMON');
    expect(helpersOf(XDP).size).toBe(89);
  });

  it('is what tc_cls_act_func_proto and its defaults say', () => {
    expect(helperAvailability(SCHED_CLS, helperId('skb_set_tunnel_key')!)).toBeDefined();
    expect(helperAvailability(SCHED_CLS, helperId('redirect_map')!)).toBeUndefined();
    expect(helpersOf(SCHED_CLS).size).toBe(124);
  });

  it('carries attach types where the kernel asks for them', () => {
    const type = programTypeId('cgroup_sock_addr')!;
    expect(helperAvailability(type, helperId('bind')!)!.attach).toEqual([
      'BPF_CGROUP_INET4_CONNECT',
      'BPF_CGROUP_INET6_CONNECT',
    ]);
    expect(helperAvailability(type, helperId('get_retval')!)!.exceptAttach).toContain(
      'BPF_CGROUP_UDP4_RECVMSG',
    );
  });
});

describe('program types', () => {
  it('allocate what the runtime lays out', () => {
    const xdp = programTypes.get('xdp')!.context;
    expect(xdp).toMatchObject({ size: layout.XDP_MD_SIZE, allocated: layout.XDP_CTX_SIZE });
    expect(xdp.packet).toEqual({
      start: layout.XDP_DATA,
      end: layout.XDP_DATA_END,
      meta: layout.XDP_DATA_META,
    });
    const skb = programTypes.get('sched_cls')!.context;
    expect(skb).toMatchObject({ size: layout.SKB_MD_SIZE, allocated: layout.SKB_CTX_SIZE });
    expect(skb.packet).toEqual({
      start: layout.SKB_DATA,
      end: layout.SKB_DATA_END,
      meta: layout.SKB_DATA_META,
      network: layout.SKB_NETWORK_OFFSET,
    });
  });

  it.each(['xdp_md', '__sk_buff'])('have the fields of %s where the runtime has them', (name) => {
    const prefix = name === 'xdp_md' ? 'XDP_' : 'SKB_';
    const offsets = layout as Readonly<Record<string, number>>;
    for (const field of structs[name]!.fields) {
      const constant = offsets[prefix + field.name.toUpperCase()];
      if (constant !== undefined) expect(constant, field.name).toBe(field.offset);
    }
  });

  it('say what may be written', () => {
    const fields = programTypes.get('sched_cls')!.context.fields;
    const writable = fields.filter((field) => field.writable).map((field) => field.name);
    expect(writable).toEqual([
      'mark',
      'queue_mapping',
      'priority',
      'tc_index',
      'cb',
      'tc_classid',
      'tstamp',
    ]);
    expect(programTypes.get('xdp')!.context.fields.some((field) => field.writable)).toBe(false);
  });

  it('are found by number', () => {
    expect(programTypeById(XDP)!.name).toBe('xdp');
    expect(programTypeById(99)).toBeUndefined();
    expect(programTypeFacts.find((type) => type.name === 'sk_lookup')!.struct).toBe(
      'bpf_sk_lookup',
    );
  });
});
