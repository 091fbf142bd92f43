using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Models from and to Hugging Face's folders, and runs that start from others.</summary>
[Collection(RankAndCommandTests.Name)]
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
}
