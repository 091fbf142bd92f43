using Dtt.Data.Reports;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Output;

/// <summary>What a tokenized dataset is like: <c>dtt report</c>. Tokens are those of documents, without their ends.</summary>
internal sealed record ReportOutput(
    string Dataset,
    string Tokenizer,
    long Documents,
    long Tokens,
    long TextBytes,
    double BytesPerToken,
    long LongestTokens,
    long DuplicateDocuments,
    double DuplicateShare,
    long InvalidBytes,
    double InvalidShare,
    long DroppedDuplicates,
    long SkippedDocuments,
    LengthOutput[] Lengths)
{
    public static ReportOutput Of(string dataset, TokenIndex index, TokenReport report)
    {
        var d = report.Documents;
        return new ReportOutput(
            dataset,
            index.Source.Tokenizer,
            d.Documents,
            d.Tokens,
            d.TextBytes,
            (double)d.TextBytes / d.Tokens,
            d.LongestTokens,
            report.DuplicateDocuments,
            (double)report.DuplicateDocuments / d.Documents,
            d.InvalidBytes,
            (double)d.InvalidBytes / d.TextBytes,
            index.DroppedDuplicates,
            index.SkippedDocuments,
            [.. d.Lengths.Select((documents, n) => new LengthOutput(1L << n, (1L << (n + 1)) - 1, documents))]);
    }

    /// <summary>The report in a line.</summary>
    public string Line => $"documents: {Documents:N0}, the longest of {LongestTokens:N0} tokens, {BytesPerToken:0.00} bytes a token; exact duplicates: "
        + $"{(DuplicateDocuments == 0 ? "none" : $"{DuplicateDocuments:N0} ({Percent(DuplicateShare)})")}; invalid text: "
        + $"{(InvalidBytes == 0 ? "none" : $"{InvalidBytes:N0} bytes ({Percent(InvalidShare)})")}; `dtt report` has more";

    /// <summary>A share that is not nothing is not shown as 0 %.</summary>
    public static string Percent(double share) => share < 0.0001 ? "< 0.01 %" : $"{100 * share:0.00} %";
}

/// <summary>Documents of a range of lengths in tokens.</summary>
internal sealed record LengthOutput(long From, long To, long Documents);
