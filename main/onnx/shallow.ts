/** A copy of the message that shares every field; presence of optional fields and unknown fields are kept. */
export function shallow<T extends object>(message: T): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message)
}
