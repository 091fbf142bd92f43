using System.Buffers.Binary;
using System.Text.Json;

namespace Dtt.Core.Ranks;

/// <summary>
/// Rank messages over a pair of streams: four bytes of length, little-endian, then UTF-8 JSON of at most 1 MB. Many may send at once; one
/// reads. Not over stdout: libraries print there.
/// </summary>
public sealed class MessagePipe(Stream input, Stream output) : IDisposable
{
    private const int MaxBytes = 1 << 20;
    private readonly SemaphoreSlim _sending = new(1);

    /// <summary>Sends one message and flushes.</summary>
    /// <exception cref="IOException">The other side is gone.</exception>
    public async Task SendAsync(RankMessage message, CancellationToken cancellation = default)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(message, RankJson.Default.RankMessage);
        if (json.Length > MaxBytes)
            throw new InvalidOperationException($"a {message.GetType().Name} of {json.Length:N0} bytes exceeds the protocol's {MaxBytes:N0}.");
        var frame = new byte[4 + json.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, json.Length);
        json.CopyTo(frame, 4);
        await _sending.WaitAsync(cancellation);
        try
        {
            await output.WriteAsync(frame, cancellation);
            await output.FlushAsync(cancellation);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>The next message, or null when the other side has closed or died; a frame cut short counts as that.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a frame of this protocol.</exception>
    public async Task<RankMessage?> ReceiveAsync(CancellationToken cancellation = default)
    {
        var header = new byte[4];
        if (await input.ReadAtLeastAsync(header, 4, throwOnEndOfStream: false, cancellation) < 4) return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        if (length is <= 0 or > MaxBytes)
            throw new InvalidDataException($"a rank message of {length} bytes: the pipe carries something other than the rank protocol.");
        var json = new byte[length];
        if (await input.ReadAtLeastAsync(json, length, throwOnEndOfStream: false, cancellation) < length) return null;
        return JsonSerializer.Deserialize(json, RankJson.Default.RankMessage) ?? throw new InvalidDataException("a rank message that is null.");
    }

    /// <summary>Closes both streams.</summary>
    public void Dispose()
    {
        input.Dispose();
        output.Dispose();
    }
}
