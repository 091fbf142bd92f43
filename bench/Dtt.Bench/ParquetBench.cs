using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Data.Datasets;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using ParquetSharp;
using ParquetSharp.Schema;

namespace Dtt.Bench;

/// <summary>From a Parquet file to a tokenizer and tokens, by the library in this process: how fast, and how much memory it takes at most.</summary>
internal static class ParquetBench
{
    private const int RowsAtOnce = 1000;
    private const int Tales = 20_000; // again and again

    /// <summary>Measures and prints.</summary>
    /// <param name="megabytes">Size of the file, about.</param>
    /// <param name="rows">Rows of each row group, a tale each; a multiple of a thousand.</param>
    public static void Run(int megabytes, int rows)
    {
        using var scratch = new Scratch();
        var file = scratch.At("text.parquet");
        Write(file, megabytes, rows);
        var config = DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {file}", "bench").Values, "bench");
        var manifest = RawDataset.Prepare(config, scratch.At("raw")).Manifest;
        GC.Collect();
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak starts anew
        Console.WriteLine($"{new FileInfo(file).Length / 1e6:N0} MB of Parquet; resident memory before: {Memory("VmRSS")}");
        var clock = Stopwatch.StartNew();
        var pieces = PiecePlan.Of(manifest, config);
        var training = new TokenizerTraining(scratch.At("tokenizer"), "bench");
        training.Begin();
        Parallel.ForEach(pieces, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, piece => training.Count(piece));
        var (vocabulary, _) = training.Merge(pieces, 4096);
        training.End();
        Report("counted and merged", pieces.Count);
        clock.Restart();
        var index = DatasetEncoder.Encode(pieces, scratch.At("tokens"), TokenSource.Of(manifest, config, "tokenizer", vocabulary, 0.01), vocabulary);
        Report($"encoded {index.Shards.Sum(s => s.TextBytes) / 1e6:N0} MB of text", pieces.Count);

        void Report(string what, int count) =>
            Console.WriteLine($"{what} in {clock.Elapsed.TotalSeconds:N1} s, {count:N0} pieces; peak of resident memory: {Memory("VmHWM")}");
    }

    /// <summary>Writes a file of that many megabytes, about, in row groups of so many tales.</summary>
    internal static unsafe void Write(string file, int megabytes, int rows)
    {
        using var schema = new GroupNode(
            "schema", Repetition.Required, [new PrimitiveNode("text", Repetition.Optional, LogicalType.String(), PhysicalType.ByteArray)]);
        using var builder = new WriterPropertiesBuilder().Compression(Compression.Snappy).DisableDictionary();
        using var properties = builder.Build();
        using var writer = new ParquetFileWriter(file, schema, properties, null);
        var generator = new TaleGenerator(5);
        var tales = Enumerable.Range(0, Tales).Select(i => System.Text.Encoding.UTF8.GetBytes(generator.Tell(i))).ToArray();
        while (!File.Exists(file) || new FileInfo(file).Length < megabytes * 1_000_000L)
        {
            using var group = writer.AppendRowGroup();
            using var column = (ColumnWriter<ByteArray>)group.NextColumn();
            for (var row = 0; row < rows; row += RowsAtOnce)
            {
                var texts = tales.AsSpan(row % Tales, RowsAtOnce);
                fixed (byte* all = Joined(texts))
                {
                    var at = (nint)all;
                    var values = new ByteArray[RowsAtOnce];
                    for (var i = 0; i < RowsAtOnce; at += texts[i++].Length) values[i] = new ByteArray(at, texts[i].Length);
                    column.WriteBatch(RowsAtOnce, [.. Enumerable.Repeat((short)1, RowsAtOnce)], new short[RowsAtOnce], values);
                }
            }
        }

        writer.Close();
    }

    private static byte[] Joined(ReadOnlySpan<byte[]> texts)
    {
        using var all = new MemoryStream();
        foreach (var text in texts) all.Write(text);
        return all.ToArray();
    }

    private static string Memory(string what) =>
        File.ReadLines("/proc/self/status").First(l => l.StartsWith(what, StringComparison.Ordinal))[(what.Length + 1)..].Trim();
}
