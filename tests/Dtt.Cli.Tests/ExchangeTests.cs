using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Models from and to Hugging Face's folders, and runs that start from others.</summary>
[Collection(ModelAndCommandTests.Name)]
public sealed class ExchangeTests(TinyProject project)
{
    [Fact]
    public async Task ExportThenImport_MakesARunWithTheSameWeights_ThatSamples()
    {
        var exported = (await project.Dtt.OutputAsync("export", "undisturbed", "-o", "there")).Trim();
        Assert.Equal(Path.Combine(project.Path, "there"), exported);
        var again = await project.Dtt.RunAsync("export", "undisturbed", "-o", "there");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("is there already", again.Error);

        Assert.Equal("back", (await project.Dtt.OutputAsync("import", "there", "-n", "back")).Trim());
        var checkpoint = (await project.Dtt.JsonAsync("show", "back")).GetProperty("checkpoints").EnumerateArray().Single();
        Assert.Equal((0, project.Undisturbed), (checkpoint.GetProperty("step").GetInt32(), checkpoint.GetProperty("weights_sha256").GetString()));
        var text = await project.Dtt.OutputAsync("sample", "back", "-n", "8", "-t", "0");
        Assert.Equal(await project.Dtt.OutputAsync("sample", "undisturbed", "-n", "8", "-t", "0"), text);
    }

    [Fact]
    public async Task Import_OfAForeignModel_Samples()
    {
        Assert.Equal("hf-llama", (await project.Dtt.OutputAsync("import", Repository.At("tests", "reference", "hf-llama"))).Trim());
        Assert.StartsWith("the", await project.Dtt.OutputAsync("sample", "hf-llama", "-p", "the", "-n", "5"));
    }

    [Fact]
    public async Task Import_OfAFolderWithSpaces_GetsANameWithout_AndShowsNoEmptyNumbers()
    {
        var copy = Copy(Repository.At("tests", "reference", "hf-llama"), "a folder: with spaces");
        Assert.Equal("a-folder-with-spaces", (await project.Dtt.OutputAsync("import", copy)).Trim());
        var shown = await project.Dtt.OutputAsync("show", "a-folder-with-spaces");
        Assert.Contains("a-folder-with-spaces: completed, step 0, 0 tokens, 1 attempt\nnothing measured yet\n", shown);
        var nameless = await project.Dtt.RunAsync("import", Directory.CreateDirectory(Path.Combine(project.Path, "模型")).FullName);
        Assert.Equal(2, nameless.ExitCode);
        Assert.Contains("Name the run with --name", nameless.Error);
        var wrong = await project.Dtt.RunAsync("import", copy, "-n", "a name");
        Assert.Equal(2, wrong.ExitCode);
        Assert.StartsWith("--name: 'name' is 'a name'", wrong.Error);
    }

    [Fact]
    public async Task Import_ThatIsKilled_LeavesNoRun()
    {
        var model = Repository.At("tests", "reference", "hf-gpt2");
        var killed = await project.Dtt.RunAsync(["import", model, "-n", "killed"], ("DTT_CRASH_AT", "checkpoint.manifest"));
        Assert.Equal(1, killed.ExitCode);
        Assert.DoesNotContain((await project.Dtt.JsonAsync("runs")).EnumerateArray(), r => r.GetProperty("run").GetString()!.Contains("killed"));
        Assert.Equal("killed", (await project.Dtt.OutputAsync("import", model, "-n", "killed")).Trim());
        Assert.Equal("killed-2", (await project.Dtt.OutputAsync("import", model, "-n", "killed")).Trim());
    }

    [Fact]
    public async Task Evaluate_OfALossWhosePerplexityOverflows_IsNullInJson()
    {
        await project.Dtt.OutputAsync("export", "undisturbed", "-o", "wild");
        EachValue(Path.Combine(project.Path, "wild", "model.safetensors"), "transformer.ln_f.weight", v => v * 1e5f);
        await project.Dtt.OutputAsync("import", "wild");
        await project.Dtt.OutputAsync("train", "-n", "overflows", "--set", "init_from=wild", "--set", "max_steps=1", "-mlr", "1e-9", "--set", "min_lr=0");
        var measured = await project.Dtt.JsonAsync("evaluate", "overflows");
        Assert.InRange(measured.GetProperty("val_loss").GetDouble(), 710, double.MaxValue);
        Assert.Equal(JsonValueKind.Null, measured.GetProperty("val_perplexity").ValueKind);
        var row = (await project.Dtt.JsonAsync("metrics", "overflows")).EnumerateArray().First(r => r.TryGetProperty("val_perplexity", out _));
        Assert.Equal(JsonValueKind.Null, row.GetProperty("val_perplexity").ValueKind);
    }

    [Fact]
    public async Task Import_OfWeightsWithNaN_IsRefused_WithTheTensorsName()
    {
        var copy = Copy(Repository.At("tests", "reference", "hf-gpt2"), "nan");
        EachValue(Path.Combine(copy, "model.safetensors"), "h.0.mlp.c_proj.bias", _ => float.NaN);
        var result = await project.Dtt.RunAsync("import", copy);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal($"{copy}/model.safetensors: 'h.0.mlp.c_proj.bias' holds NaN or infinity", result.Error.Split(',')[0]);
        Assert.False(Directory.Exists(Path.Combine(project.Path, "runs", "nan")));
    }

    [Fact]
    public async Task Sample_ToATerminal_SpellsControlCharactersOut_AndAPipeGetsThem()
    {
        const string Red = "\u001b[31m";
        string[] sample = ["sample", "undisturbed", "-p", Red + "red", "-n", "1"];
        Assert.StartsWith(Red + "red", await project.Dtt.OutputAsync(sample));
        var shown = await OnATerminalAsync(sample);
        Assert.Contains(@"\u001b[31mred", shown);
        Assert.DoesNotContain(Red, shown);

        var tokenizer = Repository.At("tests", "reference", "hf-gpt2");
        string[] decode = ["tokenizer", "decode", "215", "58", "18", "16", "76", "--tokenizer", tokenizer];
        Assert.Equal(Red + "\n", await project.Dtt.OutputAsync(decode));
        var ids = Path.Combine(project.Path, "ids");
        File.WriteAllText(ids, string.Join(' ', decode[2..7]));
        foreach (var command in new[] { decode, ["tokenizer", "decode", "--file", ids, "--tokenizer", tokenizer] })
        {
            shown = await OnATerminalAsync(command);
            Assert.Contains(@"\u001b[31m", shown);
            Assert.DoesNotContain(Red, shown);
        }
    }

    [Fact]
    public async Task InitFrom_StartsWithTheOthersWeights_AndPinsThem()
    {
        await project.Dtt.OutputAsync("train", "-n", "tuned", "--set", "init_from=undisturbed@30", "--set", "max_steps=2");
        double ValLoss(JsonElement rows, int step) =>
            rows.EnumerateArray().First(r => IsAt(r, step) && r.TryGetProperty("val_loss", out _)).GetProperty("val_loss").GetDouble();
        bool IsAt(JsonElement row, int step) => row.GetProperty("step").GetInt32() == step;
        Assert.Equal(ValLoss(await project.Dtt.JsonAsync("metrics", "undisturbed"), 30), ValLoss(await project.Dtt.JsonAsync("metrics", "tuned"), 0));
        Assert.Equal("weights of run 'undisturbed' after step 30", TinyProject.EventsOf(await project.Dtt.JsonAsync("show", "tuned"), "init_from").Single());
        var checkpoints = (await project.Dtt.JsonAsync("show", "undisturbed")).GetProperty("checkpoints");
        Assert.True(checkpoints.EnumerateArray().Single(c => IsAt(c, 30)).GetProperty("pinned").GetBoolean());

        var other = await project.Dtt.RunAsync("train", "-n", "misfit", "--set", "init_from=undisturbed", "--set", "n_blocks=3");
        Assert.Equal(3, other.ExitCode);
        Assert.Contains("is a checkpoint of another model: n_blocks is 2 there and 3 here", other.Error);
        var nowhere = await project.Dtt.RunAsync("train", "-n", "nowhere", "--set", "init_from=undisturbd");
        Assert.Equal(2, nowhere.ExitCode);
        Assert.Contains("Did you mean 'undisturbed'?", nowhere.Error);
        Assert.Contains("is not a checkpoint", (await project.Dtt.RunAsync("train", "-n", "nowhere", "--set", "init_from=configs")).Error);
    }

    private string Copy(string folder, string name)
    {
        var copy = Directory.CreateDirectory(Path.Combine(project.Path, name)).FullName;
        foreach (var file in Directory.EnumerateFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    /// <summary>Changes every value of an fp32 tensor in a safetensors file.</summary>
    private static void EachValue(string file, string tensor, Func<float, float> change)
    {
        var bytes = File.ReadAllBytes(file);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var offsets = JsonDocument.Parse(bytes.AsMemory(8, header)).RootElement.GetProperty(tensor).GetProperty("data_offsets");
        var values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan((8 + header + offsets[0].GetInt32())..(8 + header + offsets[1].GetInt32())));
        foreach (ref var value in values) value = change(value);
        File.WriteAllBytes(file, bytes);
    }

    /// <summary>What a command shows on a terminal of its own.</summary>
    private async Task<string> OnATerminalAsync(string[] arguments)
    {
        var words = arguments.Prepend(DttProgram.Assembly).Prepend("dotnet").Select(a => $"'{a}'");
        var start = new ProcessStartInfo("script", ["-qec", string.Join(' ', words), "/dev/null"])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            WorkingDirectory = project.Path,
        };
        start.Environment["DTT_HOME"] = project.Dtt.Home;
        using var process = Process.Start(start)!;
        var shown = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return shown;
    }
}
