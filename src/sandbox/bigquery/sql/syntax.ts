/** A position in the query. */
interface Placed {
  readonly at: number;
}

export type Literal = Placed & {
  readonly kind: 'literal';
  readonly type: 'INT64' | 'FLOAT64' | 'STRING' | 'BYTES' | 'BOOL' | 'NULL';
  readonly value: string;
};

export interface Order extends Placed {
  readonly by: Expression;
  readonly isDescending: boolean;
  readonly nulls: 'FIRST' | 'LAST' | undefined;
}

/** `OVER (…)`; `frame` is also valid in DuckDB, since both follow the standard. */
export interface Window {
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly Order[];
  readonly frame: string;
}

export type FunctionCall = Placed & {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
  /** `COUNT(*)`. */
  readonly isStar: boolean;
  readonly isDistinct: boolean;
  readonly orderBy: readonly Order[];
  readonly over: Window | undefined;
};

export type Expression =
  | Literal
  | FunctionCall
  | (Placed & { readonly kind: 'typed'; readonly type: string; readonly value: string })
  | (Placed & { readonly kind: 'parameter'; readonly key: string | number })
  | (Placed & { readonly kind: 'path'; readonly names: readonly string[] })
  | (Placed & { readonly kind: 'field'; readonly of: Expression; readonly name: string })
  | (Placed & { readonly kind: 'interval'; readonly count: Expression; readonly part: string })
  | (Placed & { readonly kind: 'extract'; readonly part: string; readonly from: Expression })
  | (Placed & { readonly kind: 'cast'; readonly isSafe: boolean; readonly of: Expression; readonly type: string })
  | (Placed & { readonly kind: 'negative' | 'not'; readonly of: Expression })
  | (Placed & { readonly kind: 'binary'; readonly op: string; readonly left: Expression; readonly right: Expression })
  | (Placed & { readonly kind: 'is'; readonly of: Expression; readonly what: 'NULL' | 'TRUE' | 'FALSE' })
  | (Placed & {
      readonly kind: 'between';
      readonly of: Expression;
      readonly low: Expression;
      readonly high: Expression;
    })
  | (Placed & { readonly kind: 'in'; readonly of: Expression; readonly among: readonly Expression[] | Query })
  | (Placed & {
      readonly kind: 'case';
      readonly of: Expression | undefined;
      readonly branches: readonly (readonly [when: Expression, then: Expression])[];
      readonly otherwise: Expression | undefined;
    })
  | (Placed & { readonly kind: 'exists' | 'subquery'; readonly query: Query })
  | (Placed & { readonly kind: 'array'; readonly items: readonly Expression[] });

export type SelectItem =
  | (Placed & { readonly kind: 'star'; readonly of: string | undefined; readonly except: readonly string[] })
  | (Placed & { readonly kind: 'item'; readonly value: Expression; readonly alias: string | undefined });

export type From =
  | (Placed & { readonly kind: 'table'; readonly path: readonly string[]; readonly alias: string | undefined })
  | (Placed & { readonly kind: 'from-query'; readonly query: Query; readonly alias: string | undefined })
  | (Placed & {
      readonly kind: 'join';
      readonly join: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS';
      readonly left: From;
      readonly right: From;
      readonly on: Expression | undefined;
      readonly using: readonly string[];
    });

export type Select = Placed & {
  readonly kind: 'select';
  readonly isDistinct: boolean;
  readonly items: readonly SelectItem[];
  readonly from: From | undefined;
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | undefined;
  readonly qualify: Expression | undefined;
};

export type QueryBody =
  | Select
  | Query
  | (Placed & { readonly kind: 'set'; readonly op: string; readonly left: QueryBody; readonly right: QueryBody });

export interface Query extends Placed {
  readonly kind: 'query';
  readonly ctes: readonly { readonly name: string; readonly query: Query }[];
  readonly body: QueryBody;
  readonly orderBy: readonly Order[];
  readonly limit: Expression | undefined;
  readonly offset: Expression | undefined;
}
