using System.Runtime.InteropServices;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What a user of nanoGPT, llm.c, nanochat or the Python DTT has (tests/reference/make_foreign.py).</summary>
[Collection(ModelAndCommandTests.Name)]
public sealed class ImportTests(TinyProject project)
{
    private static readonly string _foreign = Repository.At("tests", "reference", "foreign");

    [Fact]
    public async Task NanoGptsCheckpoint_IsARunOfItsStep_ThatSamplesExportsAndIsStartedFrom()
    {
        Assert.Equal("foreign", (await project.Dtt.OutputAsync("import", $"{_foreign}/ckpt.pt", "--tokenizer", Gpt2sBytes)).Trim());
        var shown = await project.Dtt.JsonAsync("show", "foreign");
        Assert.Equal(1500, shown.GetProperty("checkpoints").EnumerateArray().Single().GetProperty("step").GetInt32());
        Assert.StartsWith("the", await project.Dtt.OutputAsync("sample", "foreign@1500", "-p", "the", "-n", "5"));
        Assert.StartsWith("foreign: an import of step 1,500; ", await project.Dtt.OutputAsync("audit", "foreign"));
        await project.Dtt.OutputAsync("export", "foreign", "-o", "exported");
        Assert.Equal("foreign-back", (await project.Dtt.OutputAsync("import", "exported", "-n", "foreign-back")).Trim());
        Assert.Equal(Weights(shown), Weights(await project.Dtt.JsonAsync("show", "foreign-back")));
    }

    [Fact]
    public async Task ThePythonDttsTokenizerModelAndTokens_AreUsedTogether()
    {
        var tokenizer = (await project.Dtt.OutputAsync("import", $"{_foreign}/merges.pkl", "-n", "theirs")).Trim();
        Assert.Equal(Path.Combine(project.Path, "tokenizers", "theirs"), tokenizer);
        Assert.Equal("97 258\n", await project.Dtt.OutputAsync("tokenizer", "encode", "a the", "--tokenizer", tokenizer));
        Assert.Equal("dtt", (await project.Dtt.OutputAsync("import", $"{_foreign}/dtt", "--tokenizer", tokenizer)).Trim());
        Assert.StartsWith("the", await project.Dtt.OutputAsync("sample", "dtt", "-p", "the", "-n", "5"));
        Assert.Equal("it", (await project.Dtt.OutputAsync("import", $"{_foreign}/dtt/model.pt", "--tokenizer", $"{_foreign}/merges.pkl", "-n", "it")).Trim());

        // Their shards: many tokens, in NumPy's form.
        var tokens = Enumerable.Range(0, 6000).Select(i => (ushort)(i * 7 % 260)).ToArray();
        var folder = Directory.CreateDirectory(Path.Combine(project.Path, "their tokens")).FullName;
        foreach (var name in new[] { "0_train__000000", "0_val__000001" })
        {
            var header = "{'descr': '<u2', 'fortran_order': False, 'shape': (6000,), }".PadRight(117) + "\n";
            File.WriteAllBytes($"{folder}/{name}.npy", [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. System.Text.Encoding.ASCII.GetBytes(header), .. Bytes(tokens)]);
        }

        var unnamed = await project.Dtt.RunAsync("import", folder);
        Assert.Equal(2, unnamed.ExitCode);
        Assert.Contains("--tokenizer is needed", unnamed.Error);
        var imported = await project.Dtt.RunAsync("import", folder, "--tokenizer", tokenizer, "-n", "mine");
        Assert.True(imported.ExitCode == 0, imported.Error);
        Assert.Contains("copied 6,000 tokens for training and 6,000 for validation from 2 files", imported.Error);
        await project.Dtt.OutputAsync("train", "-d", "mine", "-v", "261", "-n", "mine", "--set", $"tokenizer={tokenizer}", "--set", "max_steps=2");
        var report = await project.Dtt.JsonAsync("report", "-d", "mine", "-v", "261", "--set", $"tokenizer={tokenizer}");
        Assert.Equal(12_000, report.GetProperty("tokens").GetInt64());
        var again = await project.Dtt.RunAsync("import", folder, "--tokenizer", tokenizer, "-n", "mine");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("the dataset 'mine' is there already", again.Error);
    }

    [Fact]
    public async Task NanochatsTokenizer_IsUsedByItsPath()
    {
        Assert.Equal("257 258 259 49\n", await project.Dtt.OutputAsync("tokenizer", "encode", "the the121", "--tokenizer", $"{_foreign}/tokenizer.pkl"));
        var json = await project.Dtt.JsonAsync("tokenizer", "inspect", "--tokenizer", $"{_foreign}/tokenizer.pkl");
        Assert.Equal(("nanochat", "<|bos|>"), (json.GetProperty("pre_tokenizer").GetString(), json.GetProperty("end_of_text").GetString()));
    }

    [Theory]
    [InlineData("evil.pkl", "it would take 'os.system', and a pickle can run code")]
    [InlineData("evil.pt", "is no zip file of torch.save")]
    public async Task APickleThatWouldRunSomething_EndsWith3_AndRunsNothing(string name, string message)
    {
        var touched = Path.Combine(project.Path, "touched");
        var command = System.Text.Encoding.ASCII.GetBytes($"touch {touched}");
        byte[] pickle = [0x80, 4, .. "cos\nsystem\n(X"u8, (byte)command.Length, 0, 0, 0, .. command, .. "tR."u8];
        File.WriteAllBytes(Path.Combine(project.Path, name), name == "evil.pt" ? [0, .. pickle] : pickle);
        var result = await project.Dtt.RunAsync("import", name, "--tokenizer", "gpt2");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(message, result.Error);
        Assert.False(File.Exists(touched));
    }

    private static string Gpt2sBytes => Repository.At("tests", "reference", "hf-gpt2");

    private static string Weights(JsonElement run) => run.GetProperty("checkpoints").EnumerateArray().Single().GetProperty("weights_sha256").GetString()!;

    private static byte[] Bytes(ushort[] values) => MemoryMarshal.AsBytes<ushort>(values).ToArray();
}
