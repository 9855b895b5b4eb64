/**
 * THE call contract: one shape for helpers, kernel functions (kfuncs), functions of the program
 * itself and the callbacks it hands over. The verifier checks calls against it, checked code
 * validates arguments with it, `beeyard proto` prints it.
 *
 * Four readers make contracts: `helpers.ts` (struct bpf_func_proto), `kfuncs.ts` (BTF prototype,
 * KF_* flags, suffixes of parameter names), `functions.ts` (BTF prototype and `arg:` tags) and
 * `callbacks.ts`. What one function has that its prototype does not say is a row in `traits.ts`.
 */
import type { ReturnRange } from '../return-range.ts';

/** What an argument is. */
export type ArgKind =
  /** A number. */
  | 'scalar'
  | 'ctx'
  | 'map'
  | 'map_key'
  | 'map_value'
  /** Memory; its length comes from `sizeFrom` or `size`. */
  | 'mem'
  /** Length of the `mem` argument before it. */
  | 'size'
  | 'callback'
  | 'const_string'
  /** Pointer to `size` bytes a helper writes an integer to (ARG_PTR_TO_LONG and kin). */
  | 'fixed_mem'
  | 'ringbuf_mem'
  | 'dynptr'
  | 'spin_lock'
  | 'timer'
  | 'workqueue'
  | 'kptr'
  /** An object of the kernel, by the name of its struct (`btf`). */
  | 'btf_object'
  | 'socket'
  /** A socket of any kind (ARG_PTR_TO_SOCK_COMMON). */
  | 'sock_common'
  /** The same, or a BTF pointer to a kernel socket. */
  | 'btf_socket'
  | 'percpu_object'
  /** An object the program allocated and owns (`__alloc`). */
  | 'allocated_object'
  /** The same with a reference count, owned or borrowed (`__refcounted_kptr`). */
  | 'refcounted_object'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  /** State of an open-coded iterator, on the stack. */
  | 'iterator'
  /** Anything on the stack, of any size. */
  | 'stack_mem'
  | 'arena'
  /** Constant size of the memory the call returns. */
  | 'alloc_size'
  /** Any initialised value, also a pointer. */
  | 'any'
  | 'none';

/** What a pointer to a kernel object must be: vouched for, or merely not yet freed. */
export type Trust = 'trusted' | 'rcu' | 'untrusted';

export interface ArgContract {
  readonly kind: ArgKind;
  /** Name in C. */
  readonly name?: string;
  /** C type. */
  readonly type?: string;
  readonly nullable?: boolean;
  readonly zeroSizeOk?: boolean;
  readonly access?: 'read' | 'write' | 'readwrite';
  /** Memory or an object that need not be initialised: the call makes it. */
  readonly uninit?: boolean;
  /** Index (0-based) of the argument that holds the length. */
  readonly sizeFrom?: number;
  /** Fixed size in bytes. */
  readonly size?: number;
  /** Bytes the address must be a multiple of. */
  readonly align?: number;
  /** Takes over (releases) the reference in this argument. */
  readonly release?: boolean;
  /** Takes the object over, but the pointer stays good while the lock is held (lists, trees). */
  readonly insert?: boolean;
  /** The object must be reached, but not owned, through the lock that is held. */
  readonly borrowed?: boolean;
  readonly trust?: Trust;
  /** The memory is on the user's side of the kernel. */
  readonly user?: boolean;
  /** Kind of dynptr it takes (or makes, with `uninit`); absent = any. */
  readonly dynptr?: 'local' | 'ringbuf' | 'skb' | 'xdp';
  /** Index (0-based) of the argument whose type this one has too. */
  readonly sameAs?: number;
  /** Struct name of a BTF-typed pointer. */
  readonly btf?: string;
  /** An object of the program's own that exists once per CPU. */
  readonly percpu?: boolean;
  /** Plain memory of the struct's size will do as well: the struct is nothing but numbers. */
  readonly memoryOk?: boolean;
  /** The verifier must know the value (`__k`, `__szk`). */
  readonly constant?: boolean;
  /** Not checked: the verifier itself fills it in (`__ign`). */
  readonly ignored?: boolean;
  /** May be NULL whatever its length says (`__opt`). */
  readonly optional?: boolean;
  /** Callbacks: the caller's argument (0-based) that is handed on as it is. */
  readonly from?: number;
  /** Callbacks: it belongs to what this argument (0-based) of the caller points to or into. */
  readonly of?: number;
  /** The kernel's own constants, for display: ['ARG_PTR_TO_MEM', 'MEM_RDONLY']. */
  readonly raw?: readonly string[];
}

export type ReturnKind =
  | 'integer'
  | 'void'
  | 'map_value'
  | 'mem'
  | 'ringbuf_mem'
  | 'dynptr_mem'
  | 'socket'
  | 'tcp_sock'
  | 'sock_common'
  | 'btf_object'
  /** Memory or a BTF object, as the argument's type says (bpf_per_cpu_ptr). */
  | 'mem_or_btf'
  /** A new object of a type of the program's, whose id the argument `typeFrom` is. */
  | 'new_object'
  /** The object an argument points to, once more. */
  | 'same_object'
  /** An element of the list or tree in the first argument. */
  | 'graph_node'
  /** The kernel's own struct behind the program's context. */
  | 'kernel_context'
  /** What the first argument points to, as the kernel type whose id the argument `typeFrom` is. */
  | 'cast_object'
  /** Part of the dynptr in the first argument. */
  | 'dynptr_slice';

export interface ReturnContract {
  readonly kind: ReturnKind;
  /** C type. */
  readonly type?: string;
  readonly nullable?: boolean;
  readonly trust?: Trust;
  readonly access?: 'read' | 'readwrite';
  /** Index (0-based) of the argument that is the size of the returned memory. */
  readonly sizeFrom?: number;
  /** Bytes of returned memory. */
  readonly size?: number;
  /** Index (0-based) of the argument that is the id of the returned object's type. */
  readonly typeFrom?: number;
  readonly percpu?: boolean;
  /** A new reference, which must be released; 'sockets': only from maps that hold sockets. */
  readonly acquire?: boolean | 'sockets';
  /** It carries the reference of an argument, under another type. */
  readonly keepsReference?: boolean;
  /** Reached through the lock that is held, and not owned. */
  readonly borrowed?: boolean;
  /** Numbers: 'length' is up to the size asked for or an error, 'cpu' a number of a CPU. */
  readonly range?: ReturnRange | 'length' | 'cpu';
  readonly btf?: string;
  readonly raw?: readonly string[];
}

/** What a program may be within of: a lock, an RCU read section, a stretch without preemption. */
export type Section = 'spin_lock' | 'rcu' | 'preempt_off';

export interface CallContract {
  readonly callee: 'helper' | 'kfunc' | 'function' | 'callback';
  readonly name: string;
  /** Helper id, or BTF id of the function (in the kernel's, the module's or the program's BTF). */
  readonly id?: number;
  /** Module of the kernel that brings it. */
  readonly module?: string;
  readonly args: readonly ArgContract[];
  readonly returns: ReturnContract;
  readonly gplOnly?: boolean;
  readonly maySleep?: boolean;
  /** Pointers into the packet are fine as memory arguments. */
  readonly packetAccess?: boolean;
  /** May move or resize the packet: pointers into it die. */
  readonly changesPacket?: boolean;
  /** Keeps the registers it does not need (bpf_fastcall). */
  readonly fastcall?: boolean;
  /** Calls one of the program's functions, given as argument. */
  readonly callback?: CallbackContract;
  /** Gives up the reference in whichever argument has one (KF_RELEASE). */
  readonly release?: boolean;
  /** May bring the machine down: needs CAP_SYS_BOOT (KF_DESTRUCTIVE). */
  readonly destructive?: boolean;
  /** Makes, moves on or destroys the iterator in its first argument (KF_ITER_*). */
  readonly iterator?: 'new' | 'next' | 'destroy';
  /** What it makes is good within one RCU read section only (KF_RCU_PROTECTED). */
  readonly rcuProtected?: boolean;
  readonly enters?: Section;
  readonly leaves?: Section;
  /** If it succeeds, another program goes on in place of this one (bpf_tail_call). */
  readonly replacesProgram?: boolean;
  /** Ends the program (bpf_throw). */
  readonly throws?: boolean;
  /** Works on lists, trees or counts that a lock protects: may be called while one is held. */
  readonly graph?: 'list' | 'rbtree' | 'refcount';
  /** What it does to elements of its map; refused where programs may only read the map. */
  readonly changesMap?: 'update' | 'delete' | 'push' | 'pop';
  /** Looks at an element of its map and leaves it there; filters answer whether they hold it. */
  readonly peeks?: boolean;
  /** The rewriting passes specialise it for the one map (and constant index) it is called with. */
  readonly specialised?: 'map' | 'map_and_index';
  /** Allocates storage, without waiting where it must not sleep. */
  readonly allocatesStorage?: boolean;
  /** For XDP programs that are loaded for one device. */
  readonly deviceBound?: boolean;
  /** It says of arguments what Linux has no words for (an extension). */
  readonly extension?: boolean;
  /** Of programs of struct_ops only these operations: 'sched_ext_ops.dispatch' (an extension). */
  readonly operations?: readonly string[];
  /** What else the program must be, in words; see `isAllowedHere`, `isKfuncAllowedHere`. */
  readonly onlyIn?: string;
  /** The kernel's variable that holds the prototype (helpers have one per kind of context). */
  readonly prototype?: string;
  /** The kernel's C function behind that prototype: the name of the body in runtime. */
  readonly func?: string;
  /** The body for programs that may only read the packet. */
  readonly readOnlyFunc?: string;
  /** The body for programs that have a pointer to the kernel's struct of the packet. */
  readonly kernelFunc?: string;
}

/** What a function that was handed over is called with, and what it may return. */
export interface CallbackContract extends CallContract {
  readonly callee: 'callback';
  /** Before the call returns (and maybe several times), or some time later. */
  readonly when: 'synchronous' | 'asynchronous';
}

/** Whether a program type may call a helper. */
export interface CallAvailability {
  readonly contract: CallContract;
  /** Capability the loader needs for it: 'CAP_BPF', 'CAP_PERFMON'. */
  readonly capability?: string;
  /** Only for (or for all but) these expected attach types, by BPF_* name. */
  readonly attach?: readonly string[];
  readonly exceptAttach?: readonly string[];
  /** Kernel options that must be set (`KernelProfile.kconfig`). */
  readonly config?: readonly string[];
  /** Refused under further conditions that are not modelled as data. */
  readonly conditional?: boolean;
}

/** Programs that may call something: one row of a contract's scope. */
export interface CallScope extends Omit<CallAvailability, 'contract'> {
  /** bpftool's word: 'xdp', 'struct_ops'. */
  readonly type: string;
  /** struct_ops: the kernel's struct the program is a member of, and members that may not. */
  readonly structOps?: string;
  readonly exceptMembers?: readonly string[];
  /** Only those loaded with BPF_F_SLEEPABLE. */
  readonly sleepable?: boolean;
}
