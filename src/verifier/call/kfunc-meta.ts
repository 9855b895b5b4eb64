import type { CallContract } from '../../abi/index.ts';
import type { SpecialField } from '../fields/record.ts';
import type { KfuncPrototype } from './kfunc-prototype.ts';

/**
 * What checking the arguments of a kernel function found out, for later arguments and the result
 * (struct bpf_kfunc_call_arg_meta).
 */
export class KfuncMeta {
  readonly proto: KfuncPrototype;
  readonly contract: CallContract;
  readonly insn: number;
  /** `BTF` word of the BTF that has the function. */
  readonly btf: number;
  refObjId = 0;
  /** Register whose reference the call takes over; 0: none. */
  releaseRegno = 0;
  /** Further ones, of functions whose arguments are released one by one. */
  moreReleased: number[] | undefined = undefined;
  /** Bytes of the memory that is returned; 0 not known. */
  returnedSize = 0;
  returnedReadOnly = false;
  constantFound = false;
  constantLow = 0;
  constantHigh = 0;
  /** Type of an allocated object argument: BTF (index plus 1) and id. */
  argBtf = 0;
  argBtfId = 0;
  argOwningRef = false;
  listHead: SpecialField | undefined = undefined;
  rbtreeRoot: SpecialField | undefined = undefined;
  dynptrType = 0;
  dynptrId = 0;
  dynptrRefObjId = 0;
  iterSpi = 0;
  iterFrame = 0;
  map = 0;
  mapUid = 0;
  subprogno = 0;

  constructor(proto: KfuncPrototype, insn: number, btf: number) {
    this.proto = proto;
    this.contract = proto.contract;
    this.insn = insn;
    this.btf = btf;
  }

  get name(): string {
    return this.proto.name;
  }

  get id(): number {
    return this.proto.id;
  }
}
