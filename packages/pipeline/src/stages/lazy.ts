/** A value that is made when it is first asked for. */
export class Lazy<T> {
  private value: Promise<T> | undefined;

  constructor(private readonly make: () => T | Promise<T>) {}

  get(): Promise<T> {
    this.value ??= (async () => this.make())();
    return this.value;
  }

  /** Puts another value in the place of what was made. */
  replace(value: T): void {
    this.value = Promise.resolve(value);
  }
}
