/**
 * The syntax tree as acorn gives it (ESTree, with typescript-estree's nodes for types): the nodes
 * this language has. Every other one reaches the default branch of a switch and is refused by name.
 */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly loc: { readonly start: Position; readonly end: Position };
}

interface Of<T extends string> extends Node {
  readonly type: T;
}

export interface Identifier extends Of<'Identifier'> {
  readonly name: string;
  readonly typeAnnotation?: TypeAnnotation;
  readonly optional?: boolean;
}
export interface Literal extends Of<'Literal'> {
  readonly value: unknown;
  readonly raw: string;
  readonly bigint?: string;
}
export interface TemplateLiteral extends Of<'TemplateLiteral'> {
  readonly quasis: readonly { readonly value: { readonly cooked?: string | null } }[];
  readonly expressions: readonly Expression[];
}
export interface Unary extends Of<'UnaryExpression'> {
  readonly operator: string;
  readonly argument: Expression;
}
export interface Binary extends Of<'BinaryExpression'> {
  readonly operator: string;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Logical extends Of<'LogicalExpression'> {
  readonly operator: string;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Conditional extends Of<'ConditionalExpression'> {
  readonly test: Expression;
  readonly consequent: Expression;
  readonly alternate: Expression;
}
export interface Assignment extends Of<'AssignmentExpression'> {
  readonly operator: string;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Update extends Of<'UpdateExpression'> {
  readonly operator: string;
  readonly argument: Expression;
}
export interface Member extends Of<'MemberExpression'> {
  readonly object: Expression;
  readonly property: Expression;
  readonly computed: boolean;
  readonly optional: boolean;
}
export interface Call extends Of<'CallExpression'> {
  readonly callee: Expression;
  readonly arguments: readonly Expression[];
  readonly optional: boolean;
  readonly typeArguments?: Node;
  readonly typeParameters?: Node;
}
export interface ObjectLiteral extends Of<'ObjectExpression'> {
  readonly properties: readonly Property[];
}
export interface Property extends Of<'Property'> {
  readonly key: Expression;
  readonly value: Expression;
  readonly computed: boolean;
  readonly kind: string;
  readonly method: boolean;
}
export interface ArrayLiteral extends Of<'ArrayExpression'> {
  readonly elements: readonly (Expression | null)[];
}
export interface NonNull extends Of<'TSNonNullExpression'> {
  readonly expression: Expression;
}
export interface Arrow extends Of<'ArrowFunctionExpression'> {
  readonly params: readonly Identifier[];
  readonly body: Block | Expression;
  readonly async: boolean;
  readonly returnType?: TypeAnnotation;
  readonly typeParameters?: Node;
}
export type Expression =
  | Identifier
  | Literal
  | TemplateLiteral
  | Unary
  | Binary
  | Logical
  | Conditional
  | Assignment
  | Update
  | Member
  | Call
  | ObjectLiteral
  | ArrayLiteral
  | NonNull
  | Arrow;

export interface Block extends Of<'BlockStatement'> {
  readonly body: readonly Statement[];
}
export interface ExpressionStatement extends Of<'ExpressionStatement'> {
  readonly expression: Expression;
}
export interface Declarator extends Of<'VariableDeclarator'> {
  readonly id: Identifier;
  readonly init: Expression | null;
  readonly definite?: boolean;
}
export interface VariableDeclaration extends Of<'VariableDeclaration'> {
  readonly kind: string;
  readonly declare?: boolean;
  readonly declarations: readonly Declarator[];
}
export interface If extends Of<'IfStatement'> {
  readonly test: Expression;
  readonly consequent: Statement;
  readonly alternate: Statement | null;
}
export interface For extends Of<'ForStatement'> {
  readonly init: VariableDeclaration | Expression | null;
  readonly test: Expression | null;
  readonly update: Expression | null;
  readonly body: Statement;
}
export interface ForOf extends Of<'ForOfStatement'> {
  readonly left: VariableDeclaration | Expression;
  readonly right: Expression;
  readonly body: Statement;
}
export interface While extends Of<'WhileStatement' | 'DoWhileStatement'> {
  readonly test: Expression;
  readonly body: Statement;
}
export interface Switch extends Of<'SwitchStatement'> {
  readonly discriminant: Expression;
  readonly cases: readonly SwitchCase[];
}
export interface SwitchCase extends Of<'SwitchCase'> {
  readonly test: Expression | null;
  readonly consequent: readonly Statement[];
}
export interface Jump extends Of<'BreakStatement' | 'ContinueStatement'> {
  readonly label: Identifier | null;
}
export interface Return extends Of<'ReturnStatement'> {
  readonly argument: Expression | null;
}
export type Empty = Of<'EmptyStatement'>;
export type Statement =
  | Block
  | ExpressionStatement
  | VariableDeclaration
  | If
  | For
  | ForOf
  | While
  | Switch
  | Jump
  | Return
  | Empty;

export interface FunctionDeclaration extends Of<'FunctionDeclaration'> {
  readonly id: Identifier;
  readonly params: readonly Identifier[];
  readonly body: Block;
  readonly async: boolean;
  readonly generator: boolean;
  readonly returnType?: TypeAnnotation;
  readonly typeParameters?: Node;
}
export interface EnumMember extends Node {
  readonly id: Expression;
  readonly initializer?: Expression;
}
export interface EnumDeclaration extends Of<'TSEnumDeclaration'> {
  readonly id: Identifier;
  readonly members: readonly EnumMember[];
  readonly declare?: boolean;
}
export interface TypeAlias extends Of<'TSTypeAliasDeclaration'> {
  readonly id: Identifier;
  readonly typeAnnotation: TypeNode;
  readonly typeParameters?: Node;
}
export interface Import extends Of<'ImportDeclaration'> {
  readonly source: { readonly value: unknown };
  readonly specifiers: readonly {
    readonly type: string;
    readonly imported?: Identifier;
    readonly local: Identifier;
    readonly loc: Node['loc'];
  }[];
}
export interface ExportNamed extends Of<'ExportNamedDeclaration'> {
  readonly declaration: Item | null;
  readonly specifiers: readonly Node[];
  readonly source: Node | null;
}
export type Item =
  | Import
  | ExportNamed
  | FunctionDeclaration
  | VariableDeclaration
  | EnumDeclaration
  | TypeAlias
  | Empty;

export interface Module {
  readonly body: readonly Item[];
  readonly comments: readonly Comment[];
}
export interface Comment {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export interface TypeAnnotation extends Of<'TSTypeAnnotation'> {
  readonly typeAnnotation: TypeNode;
}
export interface TypeReference extends Of<'TSTypeReference'> {
  readonly typeName: Identifier;
  readonly typeArguments?: { readonly params: readonly TypeNode[] };
}
export interface TypeQuery extends Of<'TSTypeQuery'> {
  readonly exprName: Identifier;
}
export interface UnionType extends Of<'TSUnionType'> {
  readonly types: readonly TypeNode[];
}
export type TypeNode =
  | TypeReference
  | TypeQuery
  | UnionType
  | Of<'TSVoidKeyword' | 'TSUndefinedKeyword' | 'TSBooleanKeyword'>;
