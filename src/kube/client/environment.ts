/** The process's variables, as they are handed to us. */
export type Environment = Readonly<Record<string, string | undefined>>;
