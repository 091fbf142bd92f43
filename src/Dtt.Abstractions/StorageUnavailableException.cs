namespace Dtt.Abstractions;

/// <summary>
/// A grain's state could not be read or written. It crosses the wire as it is, also when the grain could not even begin for it; whoever called a grain
/// sees an <see cref="IOException"/> with its message instead.
/// </summary>
/// <param name="message">What could not be read or written, what the database said, and what to do.</param>
[GenerateSerializer, Alias("dtt.storage-unavailable")]
public sealed class StorageUnavailableException(string message) : OrleansException(message)
{
    /// <summary>Whether a write may still come through: the database gave no answer to it.</summary>
    [Id(0)]
    public bool MayComeThrough { get; init; }

    /// <summary>The one that is why something failed, or null.</summary>
    public static StorageUnavailableException? In(Exception? exception)
    {
        while (exception is not (null or StorageUnavailableException)) exception = exception.InnerException;
        return (StorageUnavailableException?)exception;
    }
}
