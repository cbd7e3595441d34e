/** What a person can do something about; its message is shown as it is. */
export class PageError extends Error {}
