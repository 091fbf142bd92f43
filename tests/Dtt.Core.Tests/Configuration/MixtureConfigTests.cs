using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Tests;

namespace Dtt.Core.Tests.Configuration;

public sealed class MixtureConfigTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_Datasets_HaveTheirOwnTextAndTokens_AndTheFirstOnesTokenizer()
    {
        var config = Load("datasets:\n  - name: web\n    weight: 0.7\n  - {name: code, weight: 3e-1}\nvocab_size: 300\n");
        Assert.Equal(["web", "code"], config.EachDataset.Select(c => c.Run.Dataset));
        Assert.Equal([Path.GetFullPath("data/web/raw"), Path.GetFullPath("data/code/raw")], config.EachDataset.Select(c => c.Paths.Raw));
        Assert.Equal([Path.GetFullPath("data/web/tokens/web_300"), Path.GetFullPath("data/code/tokens/web_300")],
            config.EachDataset.Select(c => c.Paths.Tokens));
        Assert.All(config.EachDataset, c => Assert.Equal(Path.GetFullPath("tokenizers/web_300"), c.Paths.Tokenizer));
        Assert.EndsWith("configs/project_datasets/code.yaml", config.Others.Single().Paths.DatasetConfig);
        Assert.Equal([config.Others.Single().Paths.Tokens], config.OtherTokensFolders!);
    }

    [Fact]
    public void Load_PlainDataset_IsTheOnlyOne()
    {
        var config = Load("dataset: web\n");
        Assert.Equal([config], config.EachDataset);
        Assert.Null(config.OtherTokensFolders);
        Assert.Null(config.Run.Mixture);
        Assert.DoesNotContain("datasets", config.Values.ToYaml());
    }

    [Theory]
    [InlineData("datasets: [{name: web, weight: 0.7}, {name: a-b, weight: 1}]")]
    [InlineData("datasets: [{name: web, tokens: 9_000_000}, {name: code, epochs: 2.5}]")]
    [InlineData("stages: [{tokens: 1e6, datasets: [{name: web, weight: 1}]}, {datasets: [{name: code, epochs: 3}, {name: web, tokens: 5}]}]")]
    public void Load_AMixture_IsTheSameFromItsResolvedConfiguration(string yaml)
    {
        var config = Load(yaml);
        var again = Load(config.Values.ToYaml());
        Assert.Equal(config.Values.ToYaml().Split('\n').Select(l => l.Split(" #")[0]), again.Values.ToYaml().Split('\n').Select(l => l.Split(" #")[0]));
        Assert.Equal(config.EachDataset.Select(c => c.Run.Dataset), RunConfig.Parse(config.Values.ToYaml()).DatasetNames);
        Assert.Equal(config.Run.Mixture!.SelectMany(s => s.Datasets), again.Run.Mixture!.SelectMany(s => s.Datasets));
        Assert.Equal(config.Run.Mixture!.Select(s => s.Tokens), again.Run.Mixture!.Select(s => s.Tokens));
    }

    [Fact]
    public void Load_TheCommandLine_BeatsTheFile()
    {
        const string mixture = "datasets: [{name: web, weight: 1}, {name: code, weight: 1}]";
        Assert.Equal(["tales"], Load(mixture, ("dataset", "tales")).EachDataset.Select(c => c.Run.Dataset));
        Assert.Equal(["a"], Load(mixture, ("stages", "[{datasets: [{name: a, epochs: 1}]}]")).EachDataset.Select(c => c.Run.Dataset));
        Assert.Equal(["a", "b"], Load("dataset: web", ("datasets", "[{name: a, weight: 1}, {name: b, weight: 2}]")).EachDataset.Select(c => c.Run.Dataset));
    }

    [Fact]
    public void Load_ADatasetThatIsATextFile_GetsItsNameOfIt()
    {
        var text = _folder.Write("my.txt", "a\n");
        var config = Load($"datasets: [{{name: tales, weight: 1}}, {{name: {text}, weight: 1}}]");
        Assert.Equal([("tales", null), ("my", text)], config.EachDataset.Select(c => (c.Run.Dataset, c.TextPath)));
        Assert.Contains("{name: my, weight: 1}", config.Values.ToYaml());
        var other = _folder.Write("b/my.txt", "a\n");
        Assert.Contains("would both be the dataset 'my'", Error($"datasets: [{{name: {other}, weight: 1}}, {{name: {text}, weight: 1}}]"));
    }

    [Theory]
    [InlineData("datasets: web", "'datasets' must be a list of datasets, such as [{name: a, weight: 3}, {name: b, weight: 1}], not 'web'.")]
    [InlineData("datasets: []", "'datasets' must be a list of datasets")]
    [InlineData("datasets: [web]", "one of its items is 'web'.")]
    [InlineData("datasets: [{name: a, wieght: 1}]", ":1: unknown key 'wieght'. Did you mean 'weight'?")]
    [InlineData("datasets: [{name: a}]", "a dataset of 'datasets' has a 'name' and one of 'weight', 'tokens' and 'epochs'")]
    [InlineData("datasets: [{weight: 1}]", "a dataset of 'datasets' has a 'name'")]
    [InlineData("datasets: [{name: a, weight: 1, epochs: 1}]", "one of 'weight', 'tokens' and 'epochs'")]
    [InlineData("datasets: [{name: a, weight: 0}]", "'weight' is 0, but must be a number at least 1E-06")]
    [InlineData("datasets: [{name: a, epochs: 0}]", "'epochs' is 0, but must be a number above 0")]
    [InlineData("datasets: [{name: a, tokens: 1.5}]", "'tokens' must be a whole number")]
    [InlineData("datasets: [{name: a, weight: 1}, {name: a, weight: 2}]", "'datasets' names a dataset twice in one list")]
    [InlineData("datasets: [{name: a, weight: 1}, {name: b, epochs: 2}]", "has weights beside 'tokens' or 'epochs' in one list")]
    [InlineData("datasets: [{name: ../a, weight: 1}]", "'datasets' is '../a', but there is no file or folder /")]
    [InlineData("datasets: [{name: a, weight: 1}]\ndataset: b", "'dataset' is 'b', but 'datasets' names the datasets, the first of them 'a'")]
    [InlineData("datasets: [{name: a, epochs: 1}]\nepochs: 2", ":2: 'epochs' is 2, but 'datasets' says already how long the run is")]
    [InlineData("stages: [{datasets: [{name: a, weight: 1}]}]", "a stage of 'stages' whose datasets have weights needs 'tokens'")]
    [InlineData("stages: [{tokens: 5, datasets: [{name: a, epochs: 1}]}]", "leave the stage's out, which is their sum")]
    [InlineData("stages: [{tokens: 5}]", "a stage has 'datasets', and 'tokens' where they have weights.")]
    [InlineData("stages: [{tokens: 5, datasets: []}]", "'datasets' must be a list of datasets")]
    [InlineData("stages: [{tokens: 5, datasets: [{name: a, weight: 1}]}]\ndatasets: [{name: a, weight: 1}]", "'datasets' and 'stages' are both set")]
    public void Load_AMixtureThatCannotBe_SaysWhatIsWrong(string yaml, string expected)
    {
        var error = Error(yaml);
        Assert.Contains(expected, error);
        Assert.StartsWith(_folder["config.yaml"] + ":", error);
    }

    private string Error(string yaml) => Assert.Throws<ConfigurationException>(() => Load(yaml)).Message;

    private LoadedConfig Load(string yaml, params (string Key, string Value)[] typed) =>
        ConfigLoader.Load(_folder.Write("config.yaml", yaml), typed.Select(t => (t.Key, t.Value, $"--set {t.Key}")), TimeProvider.System);
}
