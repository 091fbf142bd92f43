namespace Dtt.Data.Hub;

/// <summary>Bytes of an answer, each read of which must end within a time, and which may be limited in number.</summary>
/// <param name="stream">The answer.</param>
/// <param name="stall">The longest time that one read may take.</param>
/// <param name="most">Most bytes; more are an error.</param>
internal sealed class StallStream(Stream stream, TimeSpan stall, long most = long.MaxValue) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _read; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(stall);
        try
        {
            var read = await stream.ReadAsync(buffer, limit.Token);
            return (_read += read) <= most ? read : throw new Dtt.Core.Errors.BadDataException($"the Hub's answer is longer than {most:N0} bytes.");
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, $"no bytes for {stall.TotalSeconds:0} s", e);
        }
        catch (IOException e) when (e is not HttpIOException)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, e.Message, e); // of the connection, whatever layer says it
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
        base.Dispose(disposing);
    }
}
