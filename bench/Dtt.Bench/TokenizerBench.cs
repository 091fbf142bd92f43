using System.Diagnostics;
using System.Text;
using Dtt.Data.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Dtt.Bench;

/// <summary>Encoding against Microsoft's and Hugging Face's libraries, and training against Hugging Face's trainer, in turns.</summary>
internal static class TokenizerBench
{
    private const int DocumentBytes = 1 << 16, TheirBytes = 1 << 20, TurnsOfTwo = 4;

    /// <summary>What is mixed with code: other scripts.</summary>
    private const string Languages = """
        Zażółć gęślą jaźń, Łódź ÓSMA. Der Straßenübergang ÄÖÜ, 12 Bücher. L'été où l'hôtel était fermé – «déjà». ¿Dónde está el niño? ¡Aquí!
        Съешь ещё этих мягких французских булок, да выпей чаю. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. 漢字とひらがなとカタカナを、１２３回読みました。
        他们在二〇二四年学习中文和数学。 나는 한국어를 공부합니다, 열두 시에. السلام عليكم ورحمة الله وبركاته ١٢٣. שלום עולם, מה שלומך היום? हिन्दी में नमस्ते १२३४५।
        สวัสดีชาวโลก ๑๒๓ Tiếng Việt có nhiều dấu. 👩‍👩‍👧‍👦🇩🇪👍🏽
        """;

    /// <summary>Measures and prints.</summary>
    /// <param name="text">A file of prose.</param>
    /// <param name="megabytes">How much of it is encoded; a shorter one is repeated.</param>
    /// <param name="pairs">Interleaved measurements.</param>
    public static void Encode(string text, int megabytes, int pairs)
    {
        var prose = Documents(File.ReadAllBytes(text), megabytes * 1_000_000);
        var mixed = Documents(Mixed(), megabytes * 1_000_000);
        foreach (var (name, what, documents) in new[] { ("gpt2", "prose", prose), ("cl100k", "mixed", mixed), ("o200k", "mixed", mixed) })
        {
            var vocabulary = PublicTokenizer.Load(name);
            using var scratch = new Scratch();
            TokenizerFolder.Save(vocabulary, scratch.At("tokenizer"));
            var hugging = new Tokenizers.DotNet.Tokenizer(scratch.At("tokenizer", "tokenizer.json"));
            var microsoft = name == "gpt2" ? TiktokenTokenizer.CreateForModel(name) : TiktokenTokenizer.CreateForEncoding($"{name}_base");
            var (ours, texts) = (new BpeEncoder(vocabulary), documents.Select(d => Encoding.UTF8.GetString(d.Span)).ToList());
            var some = texts.Take(TheirBytes / DocumentBytes).ToList();
            var (ids, tokens) = (new TokenBuffer(), 0L);
            double Ours(BpeEncoder encoder, IEnumerable<ReadOnlyMemory<byte>> of, TokenBuffer buffer) => Rate(of.Sum(d => d.Length), () =>
            {
                foreach (var document in of)
                {
                    buffer.Clear();
                    encoder.Encode(document.Span, buffer);
                }
            });
            double Microsoft() => Rate(documents.Sum(d => d.Length), () => tokens = texts.Sum(t => (long)microsoft.EncodeToIds(t).Count));
            double Hugging() => Rate(documents.Take(some.Count).Sum(d => d.Length), () => some.ForEach(t => hugging.Encode(t)));
            var (second, more) = (new BpeEncoder(vocabulary), new TokenBuffer());
            _ = (Ours(ours, documents, ids), Ours(second, documents, more), Microsoft(), Hugging());
            var (rates, toMicrosoft, toHugging) = (new List<double>(), new List<double>(), new List<double>());
            for (var pair = 0; pair < pairs; pair++)
            {
                rates.Add(Ours(ours, documents, ids));
                toMicrosoft.Add(rates[^1] / Microsoft());
                toHugging.Add(rates[^1] / Hugging());
            }

            var half = documents.Count / 2;
            var gain = TwoThreads.Gain(() => Ours(ours, documents.Take(half), ids), () => Ours(second, documents.Skip(half), more), TurnsOfTwo * pairs);
            Console.WriteLine($"{name}, {what}, {tokens:N0} tokens: {Scratch.Spread(rates, "N1")} MB/s; "
                + $"of Microsoft.ML.Tokenizers {Scratch.Spread(toMicrosoft, "N1")}x; "
                + $"of Hugging Face {Scratch.Spread(toHugging, "N1")}x; two threads {Scratch.Spread(gain, "N2")}x");
        }
    }

    /// <summary>Measures and prints.</summary>
    /// <param name="text">A file of prose.</param>
    /// <param name="megabytes">How much of it; a shorter one is repeated.</param>
    /// <param name="peer">A program that trains on the file that is its last argument, or empty.</param>
    /// <param name="pairs">Interleaved measurements.</param>
    public static void Train(string text, int megabytes, string peer, int pairs)
    {
        const int ids = 49_152;
        using var scratch = new Scratch();
        var documents = Documents(File.ReadAllBytes(text), megabytes * 1_000_000);
        File.WriteAllBytes(scratch.At("text.txt"), [.. documents.SelectMany(d => d.ToArray())]);
        var (ours, ratios) = (new List<double>(), new List<double>());
        for (var pair = 0; pair <= pairs; pair++)
        {
            var clock = Stopwatch.StartNew();
            var halves = documents.Chunk((documents.Count + 1) / 2).AsParallel().WithDegreeOfParallelism(2).Select(half =>
            {
                var counts = new WordCounts();
                foreach (var document in half) counts.Add(document.Span);
                return counts;
            }).ToArray();
            halves[0].Add(halves[1]);
            _ = BpeTrainer.Train(halves[0], ids);
            var seconds = clock.Elapsed.TotalSeconds;
            if (pair == 0) continue; // warm
            ours.Add(seconds);
            if (peer.Split(' ') is not [{ Length: > 0 } program, .. var arguments]) continue;
            ratios.Add(scratch.Time(program, [.. arguments.Select(a => File.Exists(a) ? Path.GetFullPath(a) : a), scratch.At("text.txt")]) / seconds);
            Console.WriteLine($"{seconds:N2} s, the peer {ratios[^1]:N1} times as long");
        }

        Console.WriteLine($"{megabytes} MB to {ids:N0} ids: {Scratch.Spread(ours, "N2")} s"
            + (ratios.Count == 0 ? "" : $"; the peer {Scratch.Spread(ratios, "N1")}x"));
    }

    private static double Rate(long bytes, Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return bytes / clock.Elapsed.TotalSeconds / 1e6;
    }

    /// <summary>Documents of whole lines.</summary>
    private static List<ReadOnlyMemory<byte>> Documents(ReadOnlyMemory<byte> text, long bytes)
    {
        var documents = new List<ReadOnlyMemory<byte>>();
        for (var (at, total) = (0, 0L); total < bytes; at = at >= text.Length ? 0 : at)
        {
            var end = Math.Min(text.Length, at + DocumentBytes);
            if (text.Span[end..].IndexOf((byte)'\n') is >= 0 and var more) end += more + 1;
            else end = text.Length;
            documents.Add(text[at..end]);
            total += end - at;
            at = end;
        }

        return documents;
    }

    private static byte[] Mixed()
    {
        var mixed = new MemoryStream();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Scratch.Repository, "src"), "*.cs", SearchOption.AllDirectories).Order())
        {
            mixed.Write(File.ReadAllBytes(file));
            mixed.Write(Encoding.UTF8.GetBytes(Languages + "\n"));
        }

        return mixed.ToArray();
    }
}
