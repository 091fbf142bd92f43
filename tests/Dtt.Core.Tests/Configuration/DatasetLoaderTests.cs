using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Tests;

namespace Dtt.Core.Tests.Configuration;

/// <summary>Dataset files, the Python DTT's too, and text that has none.</summary>
public sealed class DatasetLoaderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<string> _said = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_PythonDatasetFile_KeepsWhatMeansSomethingAndExplainsTheRest()
    {
        _folder.Write("edu.yaml", """
            hf_path: HuggingFaceFW/fineweb-edu
            name: sample-10BT
            split: train
            ndocs: 5000
            shard_size: 100_000_000
            cache_dir: ~/.cache/huggingface
            n_proc: 15
            batch_size: 1000
            """);
        var dataset = Load("edu");
        Assert.Equal(("HuggingFaceFW/fineweb-edu", "train", 5000, 100_000_000), (dataset.HubPath, dataset.HubSplit, dataset.MaxDocuments, dataset.ShardTokens));
        Assert.Equal(["cache_dir", "n_proc", "batch_size"], _said.Select(n => n.Split('\'')[1]));
        Assert.All(_said, n => Assert.Contains("is accepted and does nothing: ", n));
    }

    [Fact]
    public void Load_SplitOfAPath_SaysThatAllIsTaken()
    {
        _folder.Write("own.yaml", "path: x.txt\nsplit: train\n");
        Load("own");
        Assert.Contains("own.yaml:2: 'split' names a part of a Hub dataset; without 'hf_path' all of the text is used.", Assert.Single(_said));
    }

    [Theory]
    [InlineData("one document\nanother\n", "lines", "every line is a document ('documents: lines'), because")]
    [InlineData("\none document\nanother\n\n", "lines", "every line is a document ('documents: lines'), because")]
    [InlineData("verse\nverse\n\nverse\n", "blank_lines", "empty lines separate the documents ('documents: blank_lines')")]
    public void Load_TextInTheRawFolderWithoutADatasetFile_SaysHowItIsDivided(string text, string documents, string said)
    {
        _folder.Write("data/plain/raw/a.txt", text);
        var dataset = Load("plain");
        Assert.Equal((null, documents), (dataset.Path, dataset.Documents));
        Assert.Contains($"dataset 'plain': there is no {_folder["plain.yaml"]}, so {_folder["data/plain/raw"]} is read as it is: {said}", Assert.Single(_said));
    }

    [Theory]
    [InlineData("notes.txt", "notes")]
    [InlineData("wiki.az.jsonl", "wiki.az")]
    [InlineData("wiki.jsonl.gz", "wiki")]
    public void Load_AFileOfText_IsADatasetOfItsName(string file, string name)
    {
        var path = _folder.Write(file, "{\"text\": \"one\"}\n");
        var config = Config(path);
        Assert.Equal((name, path), (config.Run.Dataset, config.TextPath));
        Assert.Equal(_folder[$"data/{name}/raw"], config.Paths.Raw);
        Assert.Equal(path, DatasetLoader.Load(config, File.OpenRead, _said.Add).Path);
        Assert.Single(_said);
    }

    [Fact]
    public void DocumentsOf_AHugeLine_ReadsOnlyTheFirstMegabyte()
    {
        using var line = new MemoryStream(new byte[5 << 20]);
        Assert.Equal("lines", TextFiles.DocumentsOf(line));
        Assert.Equal(1 << 20, line.Position);
    }

    [Fact]
    public void Load_AFolderOfText_IsADatasetOfItsName()
    {
        _folder.Write("books/b.txt", "one\n\ntwo\n");
        var config = Config(_folder["books"] + "/");
        Assert.Equal("books", config.Run.Dataset);
        Assert.Equal("blank_lines", DatasetLoader.Load(config, File.OpenRead, _said.Add).Documents);
    }

    [Fact]
    public void Load_AFileOfTextBesideADatasetFile_IsTakenWhenThatNamesIt_ElseRefused()
    {
        var path = _folder.Write("notes.txt", "one\n");
        _folder.Write("notes.yaml", $"path: {path}\ndocuments: files\n");
        Assert.Equal("files", DatasetLoader.Load(Config(path), File.OpenRead, _said.Add).Documents);
        _folder.Write("notes.yaml", "builtin: tales\n");
        var error = Assert.Throws<ConfigurationException>(() => DatasetLoader.Load(Config(path), File.OpenRead, _said.Add));
        Assert.Contains("Use that dataset with -d notes, or rename the text", error.Message);
    }

    [Fact]
    public void Load_AFileOfTextWhoseNameIsNoFolders_IsRefused() =>
        Assert.Contains("it names a folder", Assert.Throws<ConfigurationException>(() => Config(_folder.Write("my notes.txt", "one\n"))).Message);

    [Fact]
    public void Load_APathOfNothing_SaysThatThereIsNoSuchFile()
    {
        var missing = _folder["no/such.txt"];
        Assert.Contains($"'dataset' is '{missing}', but there is no file or folder {missing}: correct the path",
            Assert.Throws<ConfigurationException>(() => Config(missing)).Message);
        var picture = _folder.Write("picture.png", "?");
        Assert.Contains($"but {picture} is no file of text: name one that ends in .txt", Assert.Throws<ConfigurationException>(() => Config(picture)).Message);
        Assert.Contains($"dataset 'such.jsonl': there is no file {Path.GetFullPath("such.jsonl")}, no {_folder["such.jsonl.yaml"]}, and no text in",
            Assert.Throws<ConfigurationException>(() => Load("such.jsonl")).Message);
    }

    [Fact]
    public void Load_NeitherFileNorText_ListsTheKnownOnes()
    {
        _folder.Write("tales.yaml", "builtin: tales");
        var error = Assert.Throws<ConfigurationException>(() => Load("tails"));
        Assert.Contains($"there is no {_folder["tails.yaml"]}, and no text in {_folder["data/tails/raw"]}. Did you mean 'tales'?", error.Message);
    }

    [Fact]
    public void Load_TwoSources_AreRefused()
    {
        _folder.Write("two.yaml", "builtin: tales\npath: x.txt");
        Assert.Contains("a dataset has one source", Assert.Throws<ConfigurationException>(() => Load("two")).Message);
    }

    private DatasetConfig Load(string dataset) => DatasetLoader.Load(Config(dataset), File.OpenRead, _said.Add);

    private LoadedConfig Config(string dataset)
    {
        var templates = _folder.Write("templates.yaml", $"""
            dataset_config: '{_folder.Path}/{"{dataset}"}.yaml'
            dataset: '{_folder.Path}/data/{"{dataset}"}/raw/'
            """);
        return ConfigLoader.Load(_folder.Write("config.yaml", ""), [("dataset", dataset, "-d"), ("templates", templates, "--set")], TimeProvider.System);
    }
}
