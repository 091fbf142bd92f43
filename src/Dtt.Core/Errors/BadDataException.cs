namespace Dtt.Core.Errors;

/// <summary>A dataset, token shard, tokenizer or checkpoint is missing, corrupt or does not fit; exit code 3.</summary>
public sealed class BadDataException(string message, Exception? inner = null) : UserErrorException(message, ExitCodes.BadData, inner);
