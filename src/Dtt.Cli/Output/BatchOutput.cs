using System.Text;
using Dtt.Data.Order;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Output;

/// <summary>A window of a step: <c>dtt batch</c>.</summary>
internal sealed record BatchOutput(
    long Step,
    long Position,
    long Epoch,
    long Window,
    string Shard,
    long Token,
    int Tokens,
    double? Loss,
    long? Checkpoint,
    int? LeftOutSince,
    IReadOnlyList<BatchDocumentOutput> Documents)
{
    public static BatchOutput Of(
        long step, StepWindow window, string shard, int tokens, int? leftOutSince, IReadOnlyList<BatchDocumentOutput> documents) =>
        new(step, window.Position, window.Epoch, window.Window, shard, window.Offset, tokens, null, null, leftOutSince, documents);
}

/// <summary>A document as far as it stands in a window.</summary>
internal sealed record BatchDocumentOutput(
    string? File,
    long? Line,
    long? Byte,
    string? Record,
    int Piece,
    long Document,
    long TextFrom,
    int Tokens,
    string Text)
{
    public static BatchDocumentOutput Of(WindowDocument document, byte[] text) => new(
        document.Origin?.File,
        document.Origin?.Line,
        document.Origin?.Byte,
        document.Origin?.Record,
        document.Shard.Piece,
        document.Number,
        document.TextFrom,
        document.Tokens,
        Encoding.UTF8.GetString(text));
}
