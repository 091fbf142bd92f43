namespace Dtt.Abstractions.Platform;

/// <summary>The answer to the creation of a run.</summary>
/// <param name="Created">Whether it was created; false: the name is taken.</param>
public sealed record NewRunReply(bool Created);
